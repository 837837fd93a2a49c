//go:build linux

package action

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

const policyBefore = `{
	"tagOwners": {"tag:ci": ["autogroup:admin"], "tag:server": ["autogroup:admin"]},
	"grants": [{"src": ["tag:ci"], "dst": ["tag:server"], "ip": ["tcp:80"]}],
	"tests": [{"src": "tag:ci", "accept": ["tag:server:80"], "deny": ["tag:server:22"]}],
}
`

var (
	policyAfter  = strings.Replace(policyBefore, `"tcp:80"]`, `"tcp:80", "tcp:443"]`, 1)
	policyBroken = strings.Replace(policyBefore, `"tcp:80"]`, `"tcp:80", "tcp:22"]`, 1)
)

// The example as it is, but for where this tailnet is; and as the author of a pull
// request may change it.
func TestPolicyAct_runsTheExample(t *testing.T) {
	ours := releaseOf(t, program("dist"))
	git(t, ours.dir, "branch", "v1")
	const pull = "pull_request"
	asAuthor := func(change ...string) []string { return append(change, "action: test", "action: apply") }
	for name, c := range map[string]struct {
		event  string
		change []string // old, new
		file   string
		exit   int
		log    string
	}{
		"the merge":                  {"push", nil, policyAfter, 0, "Applied: it is the live policy now"},
		"the merge, broken":          {"push", nil, policyBroken, 1, "want: Drop, got: Accept"},
		"a pull request":             {pull, nil, policyAfter, 0, "Applied, it changes the live policy"},
		"a pull request, broken":     {pull, nil, policyBroken, 1, "want: Drop, got: Accept"},
		"a pull request that writes": {pull, asAuthor(), policyAfter, 1, "scope-missing"},
		"a pull request that writes as main": {
			pull, asAuthor("POLICY_READ_CLIENT_ID", "POLICY_CLIENT_ID"), policyAfter, 1, "repo:acme/web:pull_request",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPolicyWorld(t)
			w.Issuer().Claims = localtailnet.Job{Event: c.event}.Claims()
			workflow := strings.NewReplacer(c.change...).Replace(readFile(t, filepath.Join(root, "examples/github/policy.yml")))
			got := job{
				files:   map[string]string{"test.yml": atHome(workflow, map[string]*world{"": w})},
				vars:    map[string]string{"POLICY_CLIENT_ID": "Tmain-CNTRL", "POLICY_READ_CLIENT_ID": "Tpull-CNTRL"},
				actions: []action{ours.major()},
				env:     w.env(),
				others:  map[string]string{"policy.hujson": c.file},
				event:   c.event,
			}.run(t)
			if got.exit != c.exit || !strings.Contains(got.log, c.log) {
				t.Errorf("act's exit status: got %d, want %d and %q\n%s", got.exit, c.exit, c.log, got.log)
			}
			if applied := strings.Contains(w.Policy(), "tcp:443"); applied != (name == "the merge") {
				t.Errorf("the live policy is\n%s", w.Policy())
			}
		})
	}
}

// newPolicyWorld is a tailnet whose policy a job's own identity may set. The two
// credentials of the example are there, and one for every job.
func newPolicyWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.AddCredential(localtailnet.Credential{
		ClientID: "Tmain-CNTRL", Issuer: w.IssuerURL, Subject: "repo:acme/web:ref:refs/heads/main", Scopes: []string{"policy_file", "devices:core:read", "devices:posture_attributes"},
	})
	w.AddCredential(localtailnet.Credential{
		ClientID: "Tpull-CNTRL", Issuer: w.IssuerURL, Subject: "repo:acme/web:pull_request", Scopes: []string{"policy_file:read", "devices:core:read", "devices:posture_attributes:read"},
	})
	w.AddCredential(localtailnet.Credential{
		ClientID: "Tpolicy-CNTRL", Issuer: w.IssuerURL, Subject: "repo:*", Scopes: []string{"policy_file", "devices:core:read", "devices:posture_attributes"}, Tags: []string{"tag:ci"},
	})
	if err := w.SetPolicy(policyBefore); err != nil {
		t.Fatal(err)
	}
	return w
}

// gitopsStep is a step of a workflow for tailscale/gitops-acl-action, with our
// name in the place of its own, and where this tailnet is. What is empty there is a secret that is not set.
func (w *world) gitopsStep(id string, a action, verb, who string) string {
	return fmt.Sprintf(`id: %s
uses: %s
with:
  api-key: ${{ secrets.TS_API_KEY }}
  oauth-client-id: %s
  oauth-secret: ${{ secrets.TS_OAUTH_SECRET }}
  audience: ""
  tailnet: tailjoin.example
  policy-file: ./policy.hujson
  action: %s
  login-server: "%s"`, id, strings.Replace(a.uses(), "@", "/policy@", 1), who, verb, w.ControlURL)
}

var stepTime = regexp.MustCompile(`Success - Main .*/policy@.*`)

func TestPolicyAct_takesTheInputsOfGitopsACLAction(t *testing.T) {
	ours := releaseOf(t, program("dist"))
	for name, by := range map[string]struct {
		client  string
		secrets func(*world) map[string]string
	}{
		"workload identity": {"Tpolicy-CNTRL", func(*world) map[string]string { return nil }},
		"API key": {`""`, func(w *world) map[string]string {
			return map[string]string{"TS_API_KEY": w.MintAPIKey(time.Hour)}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newPolicyWorld(t)
			secrets := by.secrets(w)
			got := job{
				steps: []string{
					checkout,
					w.gitopsStep("test", ours, "test", by.client),
					w.gitopsStep("apply", ours, "apply", by.client),
					runs(`test "${{ steps.test.outputs.changed }} ${{ steps.apply.outputs.changed }}" = "true true"`),
					runs(`test "${{ steps.apply.outputs.etag }}" != "${{ steps.test.outputs.etag }}" && grep -q tcp:443 "${{ steps.apply.outputs.diff-file }}"`),
				},
				actions: []action{ours},
				env:     w.env(),
				others:  map[string]string{"policy.hujson": policyAfter},
				secrets: secrets,
			}.run(t)
			if got.exit != 0 || !strings.Contains(got.log, "Applied: it is the live policy now") {
				t.Fatalf("act's exit status: got %d, want 0\n%s", got.exit, got.log)
			}
			if !strings.Contains(w.Policy(), "tcp:443") {
				t.Errorf("the live policy is\n%s", w.Policy())
			}
			for _, secret := range secrets {
				if strings.Contains(got.log, secret) {
					t.Error("the log shows the API key")
				}
			}
			for _, line := range stepTime.FindAllString(got.log, -1) {
				t.Log(line)
			}
		})
	}
}
