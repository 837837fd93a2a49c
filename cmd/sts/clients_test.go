//go:build linux

package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

// program builds tailjoin as a release does. TestMain removes it.
var program = sync.OnceValues(func() (string, error) {
	tags, err := exec.Command("../../scripts/program-tags").Output()
	if err != nil {
		return "", err
	}
	path := filepath.Join(built, "tailjoin")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", strings.TrimSpace(string(tags)), "-o", path, "github.com/tailjoin/tailjoin/cmd/action")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return path, cmd.Run()
})

// A job is one of GitHub's that joins the tailnet without a network interface.
type job struct {
	t    *testing.T
	dir  string
	vars []string
}

func newJob(t *testing.T, tn *localtailnet.Tailnet, hostname string) *job {
	t.Helper()
	daemon, err := build.Daemon(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	tn.AddCredential(localtailnet.Credential{ClientID: "Ttest-CNTRL", Issuer: tn.IssuerURL, Subject: "repo:*", Scopes: []string{"all"}, Tags: []string{"tag:ci"}})
	dir, err := os.MkdirTemp("/tmp", "sts-") // short: it holds a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	j := &job{t: t, dir: dir, vars: append(tn.Env(),
		"PATH="+os.Getenv("PATH"), "RUNNER_TEMP="+dir, "RUNNER_TOOL_CACHE="+dir+"/cache",
		"TAILJOIN_OAUTH_CLIENT_ID=Ttest-CNTRL", "TAILJOIN_TAGS=tag:ci", "TAILJOIN_HOSTNAME="+hostname, "TAILJOIN_NETWORK=userspace",
		"TAILJOIN_TAILSCALE_PATH="+filepath.Dir(daemon), "TAILJOIN_SESSION="+dir+"/session",
		"TS_NO_LOGS_NO_SUPPORT=true", "TS_DISABLE_PORTMAPPER=1", "TS_ASSUME_NETWORK_UP_FOR_TEST=1",
	)}
	for _, name := range []string{"OUTPUT", "PATH", "STEP_SUMMARY", "ENV"} {
		file := filepath.Join(dir, strings.ToLower(name))
		if err := os.WriteFile(file, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		j.vars = append(j.vars, "GITHUB_"+name+"="+file)
	}
	t.Cleanup(func() { j.run(context.WithoutCancel(t.Context()), nil, "leave") })
	return j
}

// run runs tailjoin with more variables, and returns its status and its words.
func (j *job) run(ctx context.Context, vars []string, args ...string) (out, words string, status int) {
	j.t.Helper()
	path, err := program()
	if err != nil {
		j.t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(append([]string(nil), j.vars...), vars...)
	var o, w strings.Builder
	cmd.Stdout, cmd.Stderr = &o, &w
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		j.t.Fatal(err)
	}
	return o.String(), w.String(), cmd.ProcessState.ExitCode()
}

// outputs are those of the step so far.
func (j *job) outputs() map[string]string {
	j.t.Helper()
	raw, err := os.ReadFile(filepath.Join(j.dir, "output"))
	if err != nil {
		j.t.Fatal(err)
	}
	values := map[string]string{}
	lines := strings.Split(string(raw), "\n")
	for i := 0; i+2 < len(lines); i += 3 { // NAME<<DELIMITER, value, DELIMITER
		name, _, _ := strings.Cut(lines[i], "<<")
		values[name] = lines[i+1]
	}
	return values
}

// wantToken has an independent verifier look at a token.
func wantToken(t *testing.T, c *caller, issuer, audience, token string) (subject string) {
	t.Helper()
	ctx := oidc.ClientContext(deadline(t), c.Client)
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := provider.Verifier(&oidc.Config{ClientID: audience}).Verify(ctx, token)
	if err != nil {
		t.Fatalf("%q: %v", token, err)
	}
	return verified.Subject
}

func TestJoin_getsTheTokensOfTheService(t *testing.T) {
	t.Parallel()
	tn := tailnet(t, localtailnet.Options{Grants: grants})
	s := serve(t, tn, t.TempDir(), plain, mintKey(tn, "tag:tsiam"))
	verifier := join(t, tn, "verifier", "tag:web")
	j := newJob(t, tn, "db")
	out, words, status := j.run(t.Context(), []string{"TAILJOIN_STS_URL=" + s.url, "TAILJOIN_STS_AUDIENCE=sts.amazonaws.com, https://x.internal.example.com"}, "join")
	if status != 0 {
		t.Fatalf("%d\n%s%s", status, out, words)
	}
	got := j.outputs()
	var files map[string]string
	if err := json.Unmarshal([]byte(got["sts-token-files"]), &files); err != nil {
		t.Fatalf("%v in %v", err, got)
	}
	if len(files) != 2 || files["sts.amazonaws.com"] != got["sts-token-file"] {
		t.Errorf("the files are %v, the first is %s", files, got["sts-token-file"])
	}
	for audience, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
		if subject := wantToken(t, verifier, s.url, audience, string(raw)); subject != "databases" {
			t.Errorf("%s: the subject is %s", audience, subject)
		}
		if shown := strings.ReplaceAll(out+words, "::add-mask::"+string(raw), ""); strings.Contains(shown, string(raw)) {
			t.Errorf("the log shows the token for %s", audience)
		}
		if !strings.Contains(out+words, "::add-mask::"+string(raw)) {
			t.Errorf("the token for %s is not hidden in later logs", audience)
		}
		if audience == "sts.amazonaws.com" && got["sts-token"] != string(raw) {
			t.Errorf("the output is %q", got["sts-token"])
		}
	}

	// A later step asks by the daemon's proxy.
	later := []string{"TAILJOIN_HTTP_PROXY=" + got["http-proxy"]}
	out, words, status = j.run(t.Context(), later, "token", "get", "--id-token-source=sts", "--sts-url", s.url, "--audience=sts.amazonaws.com")
	if status != 0 {
		t.Fatalf("%d\n%s", status, words)
	}
	wantToken(t, verifier, s.url, "sts.amazonaws.com", strings.TrimSpace(out))
	_, words, status = j.run(t.Context(), later, "token", "get", "--id-token-source=sts", "--sts-url", s.url, "--audience=https://api.example.com")
	if status != 1 || !strings.Contains(words, "audience_not_permitted") || !strings.Contains(words, "#id-token-refused") {
		t.Errorf("another audience: %d\n%s", status, words)
	}

	if _, words, status := j.run(t.Context(), nil, "leave"); status != 0 {
		t.Fatalf("%d\n%s", status, words)
	}
	if _, err := os.Stat(got["sts-token-file"]); !os.IsNotExist(err) {
		t.Errorf("the token is left: %v", err)
	}
}

func TestJoin_failsIfTheServiceGivesNoToken(t *testing.T) {
	t.Parallel()
	tn := tailnet(t, localtailnet.Options{Grants: grants})
	s := serve(t, tn, t.TempDir(), plain, mintKey(tn, "tag:tsiam"))
	j := newJob(t, tn, "web")
	out, words, status := j.run(t.Context(), []string{"TAILJOIN_STS_URL=" + s.url, "TAILJOIN_STS_AUDIENCE=sts.amazonaws.com"}, "join")
	if status != 1 || !strings.Contains(out+words, "id-token-refused") || !strings.Contains(out+words, "audience_not_permitted") {
		t.Errorf("%d\n%s%s", status, out, words)
	}
	out, words, status = j.run(t.Context(), []string{"TAILJOIN_STS_AUDIENCE=sts.amazonaws.com", "TAILJOIN_SESSION=" + j.dir + "/other"}, "join")
	if status != 2 || !strings.Contains(out+words, "sts-audience needs sts-url") {
		t.Errorf("without an address: %d\n%s%s", status, out, words)
	}
}

func TestRun_keepsTheTokensOfTheServiceFresh(t *testing.T) {
	t.Parallel()
	tn := tailnet(t, localtailnet.Options{Grants: grants})
	s := serve(t, tn, t.TempDir(), plain, mintKey(tn, "tag:tsiam"))
	verifier := join(t, tn, "verifier", "tag:web")
	j := newJob(t, tn, "web")
	out, words, status := j.run(t.Context(), nil, "run", "--sts-url", s.url, "--sts-audience=https://api.example.com", "--",
		"sh", "-c", `cat "$TAILJOIN_STS_TOKEN_FILE"; echo; echo "$TAILJOIN_STS_TOKEN_FILES"; env | grep -c eyJ`)
	if status != 1 { // grep finds no token in the environment
		t.Fatalf("%d\n%s%s", status, out, words)
	}
	lines := strings.Split(out, "\n")
	wantToken(t, verifier, s.url, "https://api.example.com", lines[0])
	if !strings.Contains(lines[1], `{"https://api.example.com":"`) || lines[2] != "0" {
		t.Errorf("it printed %q", lines[1:])
	}
}
