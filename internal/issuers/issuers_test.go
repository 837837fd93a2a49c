package issuers_test

import (
	"testing"

	"github.com/tailjoin/tailjoin/internal/issuers"
)

func TestOf_knowsWhatDiffersFromRunToRun(t *testing.T) {
	for issuer, c := range map[string]struct{ platform, subject, want string }{
		"https://agent.buildkite.com":                {"buildkite", "organization:a:pipeline:p:ref:refs/heads/main:commit:1:step:s", "organization:a:pipeline:p:ref:refs/heads/main:commit:*:step:*"},
		"https://oidc.circleci.com/org/1":            {"circleci", "org/1/project/2/user/3", "org/1/project/2/user/*"},
		"https://ghe.example/_services/token":        {"github", "repo:a/b:ref:refs/heads/main", "repo:a/b:ref:refs/heads/main"},
		"https://codeberg.example/x/api/actions":     {"forgejo", "repo:a/b:ref:refs/heads/main", "repo:a/b:ref:refs/heads/main"},
		"https://api.bitbucket.org/2.0/workspaces/w": {"bitbucket", "{1}:{2}", "{1}:*"},
		"https://issuer.example":                     {"", "x", "x"},
	} {
		form, ok := issuers.Of(issuer)
		if got := form.AnyRun(c.subject); form.Platform != c.platform || ok != (c.platform != "") || got != c.want {
			t.Errorf("%s: %q, %t, %q; want %q, %q", issuer, form.Platform, ok, got, c.platform, c.want)
		}
	}
}
