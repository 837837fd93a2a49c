//go:build linux

package e2e

import (
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// policyOfWeb is what the tests begin with: a job reaches the page of the
// server, and nothing else.
const policyOfWeb = `{
	"tagOwners": {
		"tag:ci":     ["autogroup:admin"],
		"tag:server": ["autogroup:admin"],
	},
	"grants": [
		// Jobs read the page.
		{"src": ["tag:ci"], "dst": ["tag:server"], "ip": ["tcp:80"]},
	],
	"tests": [
		{"src": "tag:ci", "accept": ["tag:server:80"], "deny": ["tag:server:22"]},
	],
}
`

// newPolicyWorld is a repository with a policy file and pull request 5, whose
// jobs may deal with the tailnet's policy by their own identity.
func newPolicyWorld(t *testing.T) (*world, *localtailnet.GitHub) {
	t.Helper()
	w := newWorld(t, localtailnet.Options{})
	w.RevokeCredential(clientID)
	w.AddCredential(localtailnet.Credential{
		ClientID: clientID, Issuer: w.IssuerURL, Subject: "repo:*", Scopes: []string{"policy_file", "devices:core:read", "devices:posture_attributes", "auth_keys"}, Tags: []string{"tag:ci"},
	})
	hub := localtailnet.NewGitHub()
	hub.AddRepository("acme/web", 2002)
	hub.AddPull("acme/web", 5)
	server := httptest.NewServer(hub)
	t.Cleanup(server.Close)
	w.vars["GITHUB_API_URL"], w.vars["TAILJOIN_GITHUB_TOKEN"], w.vars["GITHUB_WORKSPACE"] = server.URL, hub.Token, w.dir
	w.writePolicy(policyOfWeb)
	w.mustSetPolicy(policyOfWeb)
	return w, hub
}

func (w *world) writePolicy(text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, "policy.hujson"), []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// mustSetPolicy is somebody in the admin console.
func (w *world) mustSetPolicy(text string) {
	w.t.Helper()
	if err := w.SetPolicy(text); err != nil {
		w.t.Fatal(err)
	}
}

// onPull runs a verb for pull request 5, onMain for what was merged.
func (w *world) onPull(args ...string) finished {
	w.t.Helper()
	w.vars["GITHUB_REF"], w.vars["GITHUB_EVENT_NAME"] = "refs/pull/5/merge", "pull_request"
	return w.policy(args...)
}

func (w *world) onMain(args ...string) finished {
	w.t.Helper()
	w.vars["GITHUB_REF"], w.vars["GITHUB_EVENT_NAME"] = "refs/heads/main", "push"
	return w.policy(args...)
}

func (w *world) policy(args ...string) finished {
	w.t.Helper()
	for _, file := range []string{"output", "summary"} {
		if err := os.Truncate(filepath.Join(w.dir, file), 0); err != nil {
			w.t.Fatal(err)
		}
	}
	began := time.Now()
	defer func() { w.t.Logf("policy %v took %v", args, time.Since(began).Round(time.Millisecond)) }()
	return w.inRepository(append([]string{"policy"}, args...)...)
}

func (w *world) file(name string) string {
	w.t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(raw)
}

func (w *world) wantEnded(got finished, status int, code string, words ...string) {
	w.t.Helper()
	if got.status != status || got.code() != code {
		w.t.Fatalf("ended with %d and %q, want %d and %q:\n%s", got.status, got.code(), status, code, got.text())
	}
	wantWords(w.t, got, words...)
}

func wantParts(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s lacks %q:\n%s", what, part, text)
		}
	}
}

// find is where a part of a text stands: line and column.
func find(text, part string) (line, column int) {
	before, _, _ := strings.Cut(text, part)
	return strings.Count(before, "\n") + 1, len(before) - strings.LastIndex(before, "\n")
}

// onlyComment is the one comment on the pull request.
func onlyComment(t *testing.T, hub *localtailnet.GitHub) string {
	t.Helper()
	comments := hub.Comments("acme/web", 5)
	if len(comments) != 1 {
		t.Fatalf("there are %d comments: %v", len(comments), comments)
	}
	return comments[0].Body
}

// The way of a change: a pull request that breaks a test, one that is right,
// the merge, a change by somebody else, its pull, and the next change.
func TestPolicy_fromAPullRequestToTheTailnet(t *testing.T) {
	t.Parallel()
	w, hub := newPolicyWorld(t)
	job := w.AddNode("job", localtailnet.KeyOptions{Tags: []string{"tag:ci"}})
	server := w.AddNode("server", localtailnet.KeyOptions{Tags: []string{"tag:server"}})
	wantReached := func(port uint16, want bool) {
		t.Helper()
		if got := w.Allows(job.IPs[0], server.IPs[0], 6, port); got != want {
			t.Errorf("the job reaches port %d of the server: %t, want %t", port, got, want)
		}
	}

	broken := strings.Replace(policyOfWeb, `"tcp:80"]`, `"tcp:80", "tcp:22"]`, 1)
	w.writePolicy(broken)
	got := w.onPull("test")
	w.wantEnded(got, 1, "policy-test-failed", "want: Drop, got: Accept")
	line, column := find(broken, `"tag:server:22"`)
	wantParts(t, "the log", got.words, fmt.Sprintf("\n::error col=%d,file=policy.hujson,line=%d,title=the tests of the policy fail::"+
		"tag:ci: address \"tag:server:22\": want: Drop, got: Accept\n", column, line))
	wantParts(t, "the comment", onlyComment(t, hub), "the tests of the policy fail", fmt.Sprintf("policy.hujson:%d:%d", line, column))

	right := strings.Replace(broken, ` "deny": ["tag:server:22"]`, "", 1)
	w.writePolicy(right)
	got = w.onPull("test")
	w.wantEnded(got, 0, "", "gains  tag:ci → tag:server: tcp:22", "which version was last applied is not known")
	wantParts(t, "the comment", onlyComment(t, hub), "Tailscale takes it, and its tests pass", "+ gains  tag:ci → tag:server: tcp:22", "@@ grants policy.hujson:8 @@")
	wantParts(t, "the summary", w.file(filepath.Join(w.dir, "summary")), "+ gains  tag:ci → tag:server: tcp:22")
	out := w.outputs()
	if out["changed"] != "true" || len(out["etag"]) != 64 {
		t.Errorf("outputs %v", out)
	}
	wantParts(t, "the output diff-file", w.file(out["diff-file"]), "tcp:22")
	if w.Policy() != policyOfWeb {
		t.Errorf("a test changed the policy:\n%s", w.Policy())
	}
	wantReached(22, false)

	w.wantEnded(w.onMain("apply"), 0, "", "Applied: it is the live policy now")
	wantReached(22, true)
	applied := w.outputs()["etag"]
	if applied == out["etag"] || hub.Variables("repos/acme/web")["TAILJOIN_POLICY_ETAG"] != applied {
		t.Errorf("version %q is applied after %q, and remembered as %v", applied, out["etag"], hub.Variables("repos/acme/web"))
	}
	w.wantEnded(w.onMain("apply", "--fail-on-manual-edits"), 0, "", "There is nothing to apply")

	theirs := strings.Replace(w.Policy(), "// Jobs read the page.", "// Jobs read the page, says ana.", 1)
	w.mustSetPolicy(theirs)
	next := strings.Replace(right, `"tcp:22"]`, `"tcp:22", "tcp:443"]`, 1)
	w.writePolicy(next)
	w.wantEnded(w.onMain("apply", "--fail-on-manual-edits"), 1, "policy-edited", "says ana", "tailjoin policy pull")
	w.wantEnded(w.onPull("test"), 0, "", "::warning", "somebody changed the live policy since it was last applied")
	wantParts(t, "the comment", onlyComment(t, hub), "> somebody changed the live policy since it was last applied")

	w.wantEnded(w.onMain("pull"), 0, "", "wrote the live policy into policy.hujson")
	if got := w.file(filepath.Join(w.dir, "policy.hujson")); got != theirs {
		t.Errorf("pulled\n%s\nwant\n%s", got, theirs)
	}
	w.wantEnded(w.onMain("apply", "--fail-on-manual-edits"), 0, "", "There is nothing to apply")
	last := strings.Replace(theirs, `"tcp:22"]`, `"tcp:443"]`, 1)
	w.writePolicy(last)
	wantReached(443, false)
	w.wantEnded(w.onMain("apply", "--fail-on-manual-edits"), 0, "", "Applied", "gains  tag:ci → tag:server: tcp:443", "loses  tag:ci → tag:server: tcp:22")
	wantReached(443, true)
	wantReached(22, false)
}

// A pull request from a fork may not comment: what it would say is on the job's
// page. The token of a job may not have variables: a file serves.
func TestPolicy_withATokenThatMayNotWrite(t *testing.T) {
	t.Parallel()
	w, hub := newPolicyWorld(t)
	hub.ReadOnly(true)
	w.writePolicy(strings.Replace(policyOfWeb, `"tcp:80"]`, `"tcp:80", "tcp:443"]`, 1))
	w.wantEnded(w.onPull("test"), 0, "", "the token may not write one", "403")
	wantParts(t, "the summary", w.file(filepath.Join(w.dir, "summary")), "+ gains  tag:ci → tag:server: tcp:443", "> This is not in a comment on the pull request")
	if comments := hub.Comments("acme/web", 5); len(comments) != 0 {
		t.Errorf("comments %v", comments)
	}
	w.wantEnded(w.onMain("apply"), 0, "", "what was last applied is kept in the file version-cache.json")
	wantParts(t, "the file", w.file(filepath.Join(w.dir, "version-cache.json")), w.outputs()["etag"])
}

// Nothing is sent of what is no policy.
func TestPolicy_refusesBadFilesBeforeAnybodyIsAsked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, annotation string }{
		"empty":      {"\n", "::error col=1,file=policy.hujson,line=1,"},
		"not HuJSON": {"{\n\t\"grants\": [,]\n}\n", "::error col=13,file=policy.hujson,line=2,"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, hub := newPolicyWorld(t)
			w.writePolicy(c.text)
			before := len(w.Events())
			for _, verb := range []string{"test", "diff", "apply"} {
				got := w.onMain(verb)
				w.wantEnded(got, 2, "policy-invalid", "nothing was sent")
				wantParts(t, verb, got.words, c.annotation)
			}
			if events := w.Events()[before:]; len(events) > 0 {
				t.Errorf("the tailnet was asked: %v", events)
			}
			// The comment of an earlier push must not stand as if all were well.
			w.wantEnded(w.onPull("test"), 2, "policy-invalid")
			wantParts(t, "the comment", onlyComment(t, hub), "is no policy file")
		})
	}
}

func TestPolicy_doesNotLockItselfOut(t *testing.T) {
	t.Parallel()
	w, _ := newPolicyWorld(t)
	w.writePolicy(`{"tagOwners": {"tag:server": ["autogroup:admin"]}, "grants": []}`)
	w.wantEnded(w.onPull("test"), 0, "", "apply will refuse this")
	w.wantEnded(w.onMain("apply"), 1, "policy-lockout", "tag:ci")
	if w.Policy() != policyOfWeb {
		t.Errorf("the policy is now\n%s", w.Policy())
	}
	w.wantEnded(w.onMain("apply", "--allow-lockout"), 0, "", "Applied")
}

// The inputs of tailscale/gitops-acl-action, by an API key and in a folder.
func TestPolicy_takesTheInputsOfGitopsACLAction(t *testing.T) {
	t.Parallel()
	w, _ := newPolicyWorld(t)
	delete(w.vars, "TAILJOIN_OAUTH_CLIENT_ID")
	w.setPolicyInputs(map[string]string{"API_KEY": w.MintAPIKey(1e12), "TAILNET": "tailjoin.example", "POLICY_FILE": "./policy", "ACTION": "apply", "OAUTH_CLIENT_ID": "", "OAUTH_SECRET": "", "AUDIENCE": ""})
	rules, tests, _ := strings.Cut(strings.Replace(policyOfWeb, `"tcp:80"]`, `"tcp:80", "tcp:443"]`, 1), "\t\"tests\"")
	if err := os.Mkdir(filepath.Join(w.dir, "policy"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"rules": rules + "}", "tests": "{\n\t\"tests\"" + tests} {
		if err := os.WriteFile(filepath.Join(w.dir, "policy", name+".hujson"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	w.wantEnded(w.onMain("action"), 0, "", "Applied")
	wantParts(t, "the live policy", w.Policy(), "tcp:443", `"deny": ["tag:server:22"]`)
	w.vars["TAILJOIN_OAUTH_CLIENT_ID"] = clientID
	w.wantEnded(w.onMain("action"), 2, "input-invalid", "api-key and oauth-client-id")
}

func (w *world) setPolicyInputs(inputs map[string]string) {
	for name, value := range inputs {
		w.vars["TAILJOIN_"+name] = value
	}
}

// What is applied holds at once, for a node that is on the tailnet already.
func TestPolicy_takesAndGivesAccessToANodeThatIsThere(t *testing.T) {
	t.Parallel()
	w, _ := newPolicyWorld(t)
	w.mustPeer(localtailnet.PeerOptions{})
	out := w.mustJoin("--network=userspace", "--wait-for=my-server:80")
	reaches := func() bool {
		page, err := exec.Command("curl", "-sS", "--max-time", "2", "--proxy", out["socks5-proxy"], "http://my-server/").CombinedOutput()
		return err == nil && strings.Contains(string(page), "tag:ci")
	}
	if !reaches() {
		t.Fatal("the job does not reach the server at first")
	}
	for _, c := range []struct {
		port  string
		allow bool
	}{{"tcp:443", false}, {"tcp:80", true}} {
		text := strings.Replace(policyOfWeb, `"ip": ["tcp:80"]`, `"ip": ["`+c.port+`"]`, 1)
		text, _, _ = strings.Cut(text, "\t\"tests\"")
		w.writePolicy(text + "}")
		w.wantEnded(w.onMain("apply"), 0, "", "Applied")
		w.mustWait(func() bool { return reaches() == c.allow })
	}
	w.mustLeave()
}

// Whoever hangs, the time limit holds.
func TestPolicy_endsInTime(t *testing.T) {
	t.Parallel()
	for _, op := range []string{localtailnet.OpIDToken, localtailnet.OpExchange, localtailnet.OpPolicy} {
		t.Run(op, func(t *testing.T) {
			t.Parallel()
			w, _ := newPolicyWorld(t)
			w.fault(op, localtailnet.Fault{Hang: true})
			began := time.Now()
			w.wantEnded(w.onMain("apply", "--timeout=1s"), 1, "timeout", "raise timeout")
			if took := time.Since(began); took > 10*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}
