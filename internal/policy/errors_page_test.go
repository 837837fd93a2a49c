package policy

import (
	"context"
	"errors"
	"net/http"
	"testing"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/policyfile"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

const (
	olderPolicy = `{
	"tagOwners": {"tag:ci": ["autogroup:admin"], "tag:db": ["autogroup:admin"]},
	"grants": [{"src": ["group:dev"], "dst": ["tag:db"], "ip": ["tcp:5432"]}],
}
`
	newerPolicy = `{
	"groups": {"group:dev": ["ana@example.com"]},
	"tagOwners": {"tag:db": ["autogroup:admin"]},
	"grants": [
		{"src": ["group:dev"], "dst": ["tag:db"], "ip": ["tcp:22"]},
	],
	"tests": [
		{"src": "ana@example.com", "accept": ["tag:db:5432"]},
	],
}
`
	theirPolicy = `{
	"tagOwners": {"tag:ci": ["autogroup:admin"], "tag:db": ["autogroup:admin"]},
	"grants": [{"src": ["group:dev"], "dst": ["tag:db"], "ip": ["tcp:5432", "tcp:5433"]}],
}
`
)

func mustParse(t *testing.T, sources ...policyfile.Source) *policyfile.File {
	t.Helper()
	f, err := Parse(sources)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func newPlan(t *testing.T, file, live, last string) *Plan {
	t.Helper()
	p := &Plan{
		Path: "policy.hujson", File: mustParse(t, policyfile.Source{Name: "policy.hujson", Text: []byte(file)}),
		Live: tsapi.Policy{Text: []byte(live)}, Last: Last{last, "the variable TAILJOIN_POLICY_ETAG of acme/web"},
	}
	if err := p.compare(t.Context()); err != nil {
		t.Fatal(err)
	}
	return p
}

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	plan := newPlan(t, newerPolicy, theirPolicy, policyfile.ETag([]byte(olderPolicy)))
	meanwhile := newPlan(t, newerPolicy, olderPolicy, "")
	tailnet := &Tailnet{Asked: access.Request{API: &tsapi.Client{Tailnet: "acme.example"}}, Token: tsapi.AccessToken{Scopes: []string{"auth_keys"}}}
	_, empty := Parse([]policyfile.Source{{Name: "policy.hujson"}})
	_, noHuJSON := Parse([]policyfile.Source{{Name: "policy.hujson", Text: []byte("{\n\t\"grants\": [\n\t\t{\"src\": [\"*\"] \"dst\": [\"*\"]},\n\t],\n}\n")}})
	_, twice := Parse([]policyfile.Source{
		{Name: "policy/groups.hujson", Text: []byte("{\n\t\"groups\": {\"group:dev\": [\"ana@example.com\"]},\n}\n")},
		{Name: "policy/old.hujson", Text: []byte("{\n\t\"groups\": {\"group:dev\": [\"bob@example.com\"]},\n}\n")},
	})
	testFails := tsapi.Verdict{Message: "test(s) failed", Findings: []tsapi.Finding{
		{User: "ana@example.com", Errors: []string{`address "tag:db:5432": want: Accept, got: Drop`}}}}
	over, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	diagtest.Samples(t, "policy",
		noHuJSON, empty, twice,
		plan.refused(errors.New("validating policy.hujson: test(s) failed"), testFails),
		plan.untested(errors.New("validating policy.hujson: 404 Not Found")),
		plan.explainRefusal(tailnet.explain("applying policy.hujson", &tsapi.Error{Status: 400, Message: `dst="tag:db": tag not found: "tag:db"`})),
		meanwhile.notItsVersion(tailnet.explain("applying policy.hujson", &tsapi.Error{Status: 412, Message: "precondition failed, invalid old hash"})),
		plan.RefuseEdits(),
		meanwhile.changedElsewhere(tsapi.Policy{Text: []byte(theirPolicy)}),
		(&Lockout{Own: []string{"tag:ci"}}).Problem(),
		meanwhile.outcomeUnknown(&retry.Later{Err: errors.New("read tcp 10.0.0.2:41234->192.0.2.1:443: connection reset by peer")}),
		notKept(plan, InFile("/readonly/version-cache.json"), errors.New("open /readonly/version-cache.json.1: read-only file system")),
		pullsSeveral("policy", policyfile.Diff(mustParse(t, policyfile.Source{Name: "policy/rules.hujson", Text: []byte(olderPolicy)}),
			mustParse(t, policyfile.Source{Name: livePolicy, Text: []byte(theirPolicy)}))),
		notFormatted("policy.hujson", []diag.Place{{File: "policy.hujson", Line: 3, Text: "not formatted"}}),
		tailnet.explain("reading the live policy", &tsapi.Error{Status: http.StatusForbidden, Message: "calling actor does not have enough permissions to perform this function"}),
		tailnet.explain("reading the live policy", &tsapi.Error{Status: http.StatusNotFound, Message: "tailnet not found"}),
		ended(over, errors.New("reading the live policy: 503 Service Unavailable")),
	)
}
