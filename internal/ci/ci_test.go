package ci_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// A runner is what a job of GitHub's sees of it.
type runner struct {
	vars  map[string]string
	words bytes.Buffer
	dir   string
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	r := &runner{dir: t.TempDir(), vars: map[string]string{
		"GITHUB_ACTIONS": "true", "GITHUB_REPOSITORY": "acme/web", "GITHUB_RUN_ID": "7", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "test",
		"TAILJOIN_OAUTH_CLIENT_ID": "T1-CNTRL",
	}}
	for _, file := range []string{"GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY"} {
		r.vars[file] = filepath.Join(r.dir, file)
		if err := os.WriteFile(r.vars[file], nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

func (r *runner) job() ci.Job {
	return ci.Detect(func(name string) string { return r.vars[name] }, ci.Streams{Results: &r.words, Words: &r.words, Masks: &r.words})
}

func (r *runner) file(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return unixLines(string(content))
}

// said is what was written, with the line ends of Linux: on Windows a command of the runner ends in CRLF.
func (r *runner) said() string { return unixLines(r.words.String()) }

func unixLines(text string) string { return strings.ReplaceAll(text, "\r\n", "\n") }

func TestGitHub_readsInputsAndWritesOutputs(t *testing.T) {
	r := newRunner(t)
	job := r.job()
	if got := job.Input("oauth-client-id"); got != "T1-CNTRL" {
		t.Errorf("input = %q", got)
	}
	if job.Claimed != "acme/web" || job.Run != "7" || job.Step != "test" {
		t.Errorf("the job is %q, run %q, of %q", job.Step, job.Run, job.Claimed)
	}
	if err := job.Output("ipv4", "100.64.0.1"); err != nil {
		t.Fatal(err)
	}
	if err := job.Variable("HTTP_PROXY", "http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	if err := job.Path("/opt/bin"); err != nil {
		t.Fatal(err)
	}
	if got := r.file(t, "GITHUB_ENV"); !strings.HasPrefix(got, "HTTP_PROXY<<") || !strings.Contains(got, "\nhttp://127.0.0.1:1\n") {
		t.Errorf("GITHUB_ENV = %q", got)
	}
	if got := r.file(t, "GITHUB_OUTPUT"); !strings.HasPrefix(got, "ipv4<<") || !strings.Contains(got, "\n100.64.0.1\n") {
		t.Errorf("GITHUB_OUTPUT = %q", got)
	}
	if got := r.file(t, "GITHUB_PATH"); !strings.Contains(got, "/opt/bin") {
		t.Errorf("GITHUB_PATH = %q", got)
	}
	if got := job.Name; got != "github-web-7-1-test" {
		t.Errorf("node name = %q", got)
	}
}

func TestGitHub_refusesAnOutputThatWouldSetOthers(t *testing.T) {
	r := newRunner(t)
	job := r.job()
	for _, value := range []string{"x\nLD_PRELOAD=evil", "x\ry", "_GitHubActionsFileCommandDelimeter_"} {
		if err := job.Output("name", value); err == nil {
			t.Errorf("output %q was written", value)
		}
		if err := job.Variable("NAME", value); err == nil {
			t.Errorf("variable %q was written", value)
		}
	}
	if err := job.Path("/bin\n_GitHubActionsFileCommandDelimeter_\n/evil"); err == nil {
		t.Error("PATH with a line break was written")
	}
	if got := r.file(t, "GITHUB_OUTPUT") + r.file(t, "GITHUB_PATH") + r.file(t, "GITHUB_ENV"); got != "" {
		t.Errorf("written: %q", got)
	}
}

func TestGitHub_worksWithoutTheRunnersFiles(t *testing.T) {
	r := newRunner(t)
	delete(r.vars, "GITHUB_OUTPUT")
	r.vars["GITHUB_STEP_SUMMARY"] = filepath.Join(r.dir, "no", "such", "file")
	job := r.job()
	if err := job.Output("a", "b"); err != nil {
		t.Errorf("output without a file: %v", err)
	}
	if err := job.Summary("text"); err == nil {
		t.Error("a summary that cannot be written is no error")
	}
}

func TestGitHub_masksEachLineOfASecret(t *testing.T) {
	r := newRunner(t)
	r.job().Mask(secret.New("first\nsecond"))
	want := "::add-mask::first\n::add-mask::second\n"
	if d := cmp.Diff(want, r.said()); d != "" {
		t.Error(d)
	}
}

func TestGitHub_logLineCannotBecomeACommand(t *testing.T) {
	r := newRunner(t)
	r.vars["RUNNER_DEBUG"] = "1"
	log := slog.New(r.job().Log)
	log.Info("joined\n::error::forged", "node", "a b")
	log.Warn("100%\nleft")
	log.Debug("seen\nit")
	want := "joined ::error::forged node=\"a b\"\n" +
		"::warning title=tailjoin::100%25%0Aleft\n" +
		"::debug::seen%0Ait\n"
	if d := cmp.Diff(want, r.said()); d != "" {
		t.Error(d)
	}
}

func TestGitHub_reportsAProblemOnceInLogAndSummary(t *testing.T) {
	r := newRunner(t)
	r.job().Report(&diag.Problem{Code: "no-id-token", Summary: "no token", Hint: "a\nb"})
	if got := r.said(); strings.Count(got, "::error ") != 1 || strings.Count(got, "\n") != 1 || !strings.Contains(got, "title=no token::error: no token%0Ahint:  a%0A") {
		t.Errorf("log: %q", got)
	}
	if got := r.file(t, "GITHUB_STEP_SUMMARY"); !strings.Contains(got, "hint:  a") {
		t.Errorf("summary: %q", got)
	}
}

func TestLocal_writesResultsApartFromWords(t *testing.T) {
	var results, words bytes.Buffer
	job := ci.Detect(func(string) string { return "" }, ci.Streams{Results: &results, Words: &words})
	job.Output("ipv4", "100.64.0.1")
	slog.New(job.Log).Info("joined")
	slog.New(job.Log).Debug("not shown")
	job.Report(&diag.Problem{Code: "x", Summary: "no"})
	if got := results.String(); got != "ipv4=100.64.0.1\n" {
		t.Errorf("results %q", got)
	}
	if got := words.String(); !strings.HasPrefix(got, "joined\nerror: no\n") {
		t.Errorf("words %q", got)
	}
	if job.Mask == nil || job.Path("x") != nil || job.Summary("x") != nil || job.TempDir == "" || job.CacheDir == "" {
		t.Error("a field of the local job is not set")
	}
}
