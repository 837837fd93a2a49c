package ci_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
)

// Names and texts are as odd as a pull request can have them.
func TestGitHub_annotatesPlacesOfFiles(t *testing.T) {
	r := newRunner(t)
	job := r.job()
	file, shown := "./a,b:c%.hujson", "a%2Cb%3Ac%25.hujson"
	if runtime.GOOS == "windows" { // where no name has a colon
		file, shown = "./a,b%.hujson", "a%2Cb%25.hujson"
	}
	job.Warn(diag.Place{File: file, Line: 3, Column: 7, Text: "100%\n::error::no"})
	job.Report(&diag.Problem{Code: "x", Summary: "it fails", Places: []diag.Place{{File: "p.hujson", Line: 2, Text: "here"}, {File: "p.hujson", Text: "somewhere"}}})
	got := strings.Split(strings.TrimSpace(r.said()), "\n")
	want := []string{
		"::warning col=7,file=" + shown + ",line=3,title=tailjoin::100%25%0A::error::no",
		"::error file=p.hujson,line=2,title=it fails::here",
		"::error file=p.hujson,title=it fails::somewhere",
	}
	if d := cmp.Diff(want, got[:len(got)-1]); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	last := got[len(got)-1]
	for _, part := range []string{"::error title=it fails::error: it fails%0A", "%0A  p.hujson:2: here%0A", "%0A  p.hujson: somewhere%0A"} {
		if !strings.Contains(last, part) {
			t.Errorf("%q lacks %q", last, part)
		}
	}
}

// A step's page shows ten errors.
func TestGitHub_annotatesNoMoreThanAreShown(t *testing.T) {
	r := newRunner(t)
	places := make([]diag.Place, 30)
	for i := range places {
		places[i] = diag.Place{File: "p", Line: i + 1, Text: "here"}
	}
	r.job().Report(&diag.Problem{Code: "x", Summary: "it fails", Places: places})
	if n := strings.Count(r.said(), "\n::error ") + 1; n != 10 {
		t.Errorf("%d annotations, want 10", n)
	}
	if !strings.Contains(r.said(), "p:30: here") {
		t.Error("the last place is nowhere")
	}
}

// A step may run below the repository's root, or have a path from the root of
// the machine.
func TestGitHub_namesFilesFromTheRepositorysRoot(t *testing.T) {
	r := newRunner(t)
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(root, "infra"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Join(root, "infra"))
	r.vars["GITHUB_WORKSPACE"] = root
	job := r.job()
	for _, path := range []string{"p.hujson", "../q.hujson", filepath.Join(root, "infra", "r.hujson"), "/elsewhere/s.hujson"} {
		job.Warn(diag.Place{File: path, Text: "x"})
	}
	want := strings.Join([]string{"infra/p.hujson", "q.hujson", "infra/r.hujson", "/elsewhere/s.hujson"}, "\n")
	got := strings.NewReplacer("::warning file=", "", ",title=tailjoin::x", "").Replace(strings.TrimSpace(r.said()))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestGitHub_knowsThePullRequest(t *testing.T) {
	event := filepath.Join(t.TempDir(), "event.json")
	if err := os.WriteFile(event, []byte(`{"action":"opened","number":9,"pull_request":{"number":9}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		vars map[string]string
		want int
	}{
		"pull_request":        {map[string]string{"GITHUB_REF": "refs/pull/12/merge", "GITHUB_EVENT_NAME": "pull_request"}, 12},
		"pull_request_target": {map[string]string{"GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_EVENT_PATH": event}, 9},
		"push":                {map[string]string{"GITHUB_REF": "refs/heads/main", "GITHUB_EVENT_NAME": "push", "GITHUB_EVENT_PATH": event}, 0},
		"no event":            {map[string]string{"GITHUB_EVENT_NAME": "pull_request_target", "GITHUB_EVENT_PATH": "/none"}, 0},
		"a branch's name":     {map[string]string{"GITHUB_REF": "refs/heads/refs/pull/3/merge"}, 0},
		"an odd ref":          {map[string]string{"GITHUB_REF": "refs/pull/-3/merge"}, 0},
	} {
		r := newRunner(t)
		for variable, value := range c.vars {
			r.vars[variable] = value
		}
		if got := r.job().Pull; got != c.want {
			t.Errorf("%s: pull request %d, want %d", name, got, c.want)
		}
	}
}

// Where there are no annotations a place is a line.
func TestWarn_isALineElsewhere(t *testing.T) {
	for platform := range platforms {
		p := new(page)
		p.job(platforms[platform].vars).Warn(diag.Place{File: "p.hujson", Line: 3, Column: 7, Text: "odd\nand long"})
		if got := p.words.String(); !strings.Contains(got, "p.hujson:3:7: odd and long\n") {
			t.Errorf("%s: %q", platform, got)
		}
	}
}
