package cli

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// masked runs a command that has a secret, and fails unless the platform was
// told to hide it before anything else.
func masked(t *testing.T, input string, args ...string) {
	t.Helper()
	const secret = "any-text-that-is-no-key"
	dir := t.TempDir()
	_, said := ran(t, dir, map[string]string{
		"GITHUB_ACTIONS": "true", "RUNNER_TEMP": dir, input: secret, "TAILJOIN_TAGS": "tag:ci", "TAILJOIN_API_URL": echo(t), "TAILJOIN_LOGIN_SERVER": "http://127.0.0.1:1",
		"TAILJOIN_NETWORK": "userspace", "TAILJOIN_INSTALL": "never", "TAILJOIN_TIMEOUT": "5s",
	}, args...)
	if !strings.Contains(said, "::add-mask::"+secret+"\n") {
		t.Errorf("%s of %v is not masked:\n%s", input, args, said)
	}
	if strings.Contains(withoutMasks(said), secret) {
		t.Errorf("%s of %v is shown:\n%s", input, args, said)
	}
}

func TestMask_isOfEverySecretOfACommand(t *testing.T) {
	for _, args := range [][]string{{"join"}, {"run", "--", "true"}, {"leave"}, {"token", "exchange"}, {"doctor"}} {
		masked(t, "TAILJOIN_OAUTH_SECRET", args...)
	}
	for _, args := range [][]string{{"join"}, {"run", "--", "true"}} {
		masked(t, "TAILJOIN_AUTHKEY", args...)
	}
	masked(t, "TAILJOIN_API_KEY", "policy", "test")
}

// Not even the runner's own log of a step's inputs shows it after that.
func TestMask_isOfATokenInAWrongInput(t *testing.T) {
	const token = "ghp_0123456789abcdef0123"
	_, said := ran(t, "", map[string]string{"GITHUB_ACTIONS": "true", "TAILJOIN_HOSTNAME": token}, "join")
	if !strings.Contains(said, "::add-mask::"+token+"\n") || strings.Contains(withoutMasks(said), token) {
		t.Errorf("the token is shown, or not masked:\n%s", said)
	}
}

// The runner hides it in the log, and in nothing else that is written.
func TestFront_hidesWithWhatTheRunnerIsAsked(t *testing.T) {
	f := newFront(Process{Environ: []string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN=of-the-runner"}})
	if got := f.secrets.Clean("Bearer of-the-runner"); got != "Bearer [redacted]" {
		t.Errorf("%q", got)
	}
}

// The API does not answer until its caller gives up, and leave has to, since the
// runner gives it no more time.
func TestLeave_endsAtItsLimit(t *testing.T) {
	dir := t.TempDir()
	session := filepath.Join(dir, "session")
	if err := os.Mkdir(session, 0o700); err != nil {
		t.Fatal(err)
	}
	record, err := json.Marshal(map[string]any{"id": "abcdef", "key": map[string]any{"tries": 1}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(session, "session.jsonl"), append(record, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	asked := make(chan bool, 100)
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- true
		select {
		case <-r.Context().Done():
		case <-t.Context().Done():
		}
	}))
	t.Cleanup(api.Close)
	began := time.Now()
	status, said := ran(t, "", map[string]string{"TAILJOIN_SESSION": session, "TAILJOIN_OAUTH_SECRET": "some-secret", "TAILJOIN_API_URL": api.URL}, "leave", "--limit=1s")
	if took := time.Since(began); took > 5*time.Second || status != 0 {
		t.Errorf("status %d after %v:\n%s", status, took, said)
	}
	if len(asked) == 0 {
		t.Errorf("the API was not asked: this test shows nothing\n%s", said)
	}
}
