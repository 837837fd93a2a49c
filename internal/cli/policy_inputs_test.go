package cli

import (
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// ofGitOps are the inputs of tailscale/gitops-acl-action, which all exist here.
var ofGitOps = strings.Fields("tailnet api-key oauth-client-id oauth-secret audience policy-file action")

func TestPolicyInputs_holdThoseOfGitOpsACLAction(t *testing.T) {
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	new(policyInputs).flags("action", fs)
	for _, name := range ofGitOps {
		if fs.Lookup(name) == nil {
			t.Errorf("there is no input %q", name)
		}
	}
	if got := fs.Lookup("policy-file").DefValue; got != "./policy.hujson" {
		t.Errorf("the default of policy-file is %q", got)
	}
}

// All that is wrong with the inputs is said before anything is read or asked.
func TestPolicyInputs_areCheckedFirst(t *testing.T) {
	const client = "TAILJOIN_OAUTH_CLIENT_ID=T1-CNTRL"
	github := []string{client, "GITHUB_ACTIONS=true", "GITHUB_REPOSITORY=acme/web", "ACTIONS_ID_TOKEN_REQUEST_URL=http://127.0.0.1:1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN=x"}
	for name, c := range map[string]struct {
		environ, args []string
		part          string
	}{
		"nobody asks":            {nil, []string{"test"}, "nothing says who this job is"},
		"two ways":               {[]string{client, "TAILJOIN_API_KEY=tskey-api-1"}, []string{"apply"}, "api-key and oauth-client-id"},
		"two ways, by a secret":  {[]string{"TAILJOIN_OAUTH_SECRET=tskey-client-1", "TAILJOIN_API_KEY=tskey-api-1"}, []string{"apply"}, "api-key and oauth-secret"},
		"an odd tailnet":         {github, []string{"test", "--tailnet=../keys"}, "input tailnet cannot be"},
		"a tailnet of dots":      {github, []string{"test", "--tailnet=.."}, "input tailnet cannot be"},
		"an odd address":         {[]string{"TAILJOIN_API_KEY=tskey-api-1"}, []string{"test", "--api-url=http://example.com"}, "api-url"},
		"no action":              {github, []string{"action"}, "action is missing"},
		"an odd action":          {append(github, "TAILJOIN_ACTION=deploy"), []string{"action"}, "input action cannot be"},
		"an odd place":           {github, []string{"test", "--last-applied=cache"}, "variable:NAME"},
		"an odd variable":        {github, []string{"test", "--last-applied=variable:a-b"}, "variable:NAME"},
		"a variable of GitHub's": {github, []string{"test", "--last-applied=variable:GITHUB_X"}, "variable:NAME"},
		"a variable elsewhere":   {[]string{"TAILJOIN_API_KEY=tskey-api-1"}, []string{"test", "--last-applied=variable"}, "in a job of GitHub only"},
		"a variable, no token":   {github, []string{"test", "--last-applied=variable"}, "there is no token for GitHub"},
		"edits, nothing kept":    {github, []string{"test", "--last-applied=none", "--fail-on-manual-edits"}, "fail-on-manual-edits needs to know"},
		"no such file":           {github, []string{"test", "--policy-file=/none/policy.hujson"}, "the policy file /none/policy.hujson cannot be read"},
		"no such file to format": {nil, []string{"format", "--policy-file=/none"}, "the policy file /none cannot be read"},
		"a word too many":        {github, []string{"apply", "now"}, "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFront(Process{Environ: c.environ, Out: io.Discard, Err: io.Discard})
			err := f.run(t.Context(), append([]string{"policy"}, c.args...))
			p := diag.As(err)
			if err == nil || p.Code != "input-invalid" || !p.Input || !strings.Contains(p.Text(), c.part) {
				t.Errorf("got %v, want %q in it", err, c.part)
			}
			if err != nil && strings.Contains(p.Text(), "tskey-") {
				t.Errorf("a secret is in\n%s", p.Text())
			}
		})
	}
}

func TestKeeping_isWrittenAsItIsRead(t *testing.T) {
	for given, want := range map[string]string{
		"auto": "auto", "none": "none", "variable": "variable", "variable:prod_etag": "variable:PROD_ETAG", "file:a:b.json": "file:a:b.json",
	} {
		var k keeping
		if err := k.Set(given); err != nil || k.String() != want {
			t.Errorf("%s is read as %s (%v), want %s", given, k.String(), err, want)
		}
	}
	if got := new(keeping).String(); got != "auto" {
		t.Errorf("the default is %q", got)
	}
}

// Without a job there are no outputs, and formatting asks nobody.
func TestPolicyFormat_asksNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "policy.hujson")
	if err := os.WriteFile(path, []byte("{\"grants\":[]}"), 0o600); err != nil {
		t.Fatal(err)
	}
	var words strings.Builder
	f := newFront(Process{Environ: []string{"TAILJOIN_POLICY_FILE=" + path}, Out: &words, Err: &words})
	if p := diag.As(f.run(t.Context(), []string{"policy", "format", "--check"})); p.Code != "policy-not-formatted" {
		t.Errorf("check: %v", p)
	}
	for _, want := range []string{"formatted " + path, path + " is formatted already"} {
		if err := f.run(t.Context(), []string{"policy", "format"}); err != nil || !strings.Contains(words.String(), want) {
			t.Errorf("%v, %q lacks %q", err, words.String(), want)
		}
	}
}
