package trust_test

import (
	"testing"

	"github.com/tailjoin/tailjoin/internal/trust"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

func TestWarnings_ofARuleForAWorkflow(t *testing.T) {
	const at = "acme/shared/.github/workflows/deploy.yml@refs/tags/v1.2.3"
	ref := func(pattern string, more ...string) map[string]string {
		claims := map[string]string{"job_workflow_ref": pattern}
		for i := 0; i < len(more); i += 2 {
			claims[more[i]] = more[i+1]
		}
		return claims
	}
	for name, c := range map[string]struct {
		subject string
		claims  map[string]string
		want    int
	}{
		"no such rule":              {"*", nil, 0},
		"a subject of one's own":    {"repo:acme/*", ref(at), 0},
		"the immutable form":        {"repo:acme@1001/*", ref(at), 0},
		"an owner's ID":             {"*", ref(at, "repository_owner_id", "1001"), 0},
		"a repository's ID":         {"repo:*", ref(at, "repository_id", "2002"), 0},
		"an owner in a template":    {"repository_owner_id:1001:job_workflow_ref:" + at, nil, 0},
		"everyone":                  {"*", ref(at), 1},
		"every repository":          {"repo:*", ref(at), 1},
		"every owner":               {"repo:*/web:ref:refs/heads/main", ref(at), 1},
		"owners that begin alike":   {"repo:acme*/web", ref(at), 1},
		"IDs that begin alike":      {"*", ref(at, "repository_owner_id", "1001*"), 1},
		"a branch of anyone":        {"*:ref:refs/heads/main", ref(at), 1},
		"a template of it alone":    {"job_workflow_ref:" + at, nil, 1},
		"a template of any owner":   {"repository_owner_id:*:job_workflow_ref:" + at, nil, 1},
		"any ref":                   {"repo:acme/*", ref("acme/shared/.github/workflows/deploy.yml@*"), 1},
		"any tag":                   {"repo:acme/*", ref("acme/shared/.github/workflows/deploy.yml@refs/tags/*"), 1},
		"no ref":                    {"repo:acme/*", ref("acme/shared/*"), 1},
		"any ref, of everyone":      {"*", ref("acme/shared/.github/workflows/deploy.yml@*"), 2},
		"any ref, in a template":    {"job_workflow_ref:acme/shared/.github/workflows/deploy.yml@*", nil, 2},
		"any ref, in a template of": {"repo:acme/web:job_workflow_ref:acme/shared/.github/workflows/deploy.yml@*", nil, 1},
	} {
		if got := trust.Warnings(tsapi.Credential{Subject: c.subject, Claims: c.claims}); len(got) != c.want {
			t.Errorf("%s: got %q, want %d", name, got, c.want)
		}
	}
}
