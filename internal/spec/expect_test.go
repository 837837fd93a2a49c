package spec_test

import (
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/spec"
)

func TestExpectations_readsLines(t *testing.T) {
	got, err := spec.Expectations([]string{
		"issuer=https://issuer.example", " sub = repo:acme/web:* ", "", "aud=api.tailscale.com/T1-CNTRL",
		"environment=", `"https://sts.amazonaws.com/?a=b".aws_account=123`, "ref=a=b",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []spec.Expectation{
		{"issuer", "https://issuer.example"}, {"subject", "repo:acme/web:*"}, {"audience", "api.tailscale.com/T1-CNTRL"},
		{"environment", ""}, {`"https://sts.amazonaws.com/?a=b".aws_account`, "123"}, {"ref", "a=b"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("expectations (-want +got):\n%s", d)
	}
	for _, bad := range []string{"issuer", "=x", `"a=b"`} {
		_, err := spec.Expectations([]string{bad})
		wantInput(t, err, strconv.Quote(bad))
	}
}

func TestCompare_asATrustCredentialDoes(t *testing.T) {
	claims := map[string]any{
		"iss": "https://issuer.example", "sub": "repo:acme/web:ref:refs/heads/main", "aud": []any{"one", "two"},
		"environment": "production", "run_number": float64(12), "ref_protected": true, "user": map[string]any{"name": "alice"},
		"groups": []any{"a", "b"},
	}
	for name, c := range map[string]struct {
		line string
		want spec.Finding
	}{
		"issuer":                   {"issuer=https://issuer.example", spec.Finding{Found: "https://issuer.example", There: true, OK: true}},
		"issuer with a pattern":    {"issuer=https://*", spec.Finding{Found: "https://issuer.example", There: true}},
		"subject":                  {"subject=repo:acme/web:*", spec.Finding{Found: "repo:acme/web:ref:refs/heads/main", There: true, OK: true}},
		"subject, not anchored":    {"subject=acme/web", spec.Finding{Found: "repo:acme/web:ref:refs/heads/main", There: true}},
		"audience among others":    {"audience=two", spec.Finding{Found: `["one","two"]`, There: true, OK: true}},
		"audience, in a pair":      {"audience=one", spec.Finding{Found: `["one","two"]`, There: true, OK: true}},
		"audience with a pattern":  {"audience=t*", spec.Finding{Found: `["one","two"]`, There: true}},
		"a claim":                  {"environment=prod*", spec.Finding{Found: "production", There: true, OK: true}},
		"a number":                 {"run_number=12", spec.Finding{Found: "12", There: true, OK: true}},
		"a boolean":                {"ref_protected=true", spec.Finding{Found: "true", There: true, OK: true}},
		"inside an object":         {"user.name=alice", spec.Finding{Found: "alice", There: true, OK: true}},
		"a list matches nothing":   {"groups=*", spec.Finding{Found: `["a","b"]`, There: true}},
		"an object, nothing":       {"user=*", spec.Finding{Found: `{"name":"alice"}`, There: true}},
		"a claim that is not":      {"actor=*", spec.Finding{}},
		"empty, and not there":     {"actor=", spec.Finding{}},
		"a name of another object": {"sub.name=*", spec.Finding{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := compareOne(t, c.line, claims)
			got.Expectation = spec.Expectation{}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("finding (-want +got):\n%s", d)
			}
		})
	}
}

func TestCompare_saysWhereADifferenceProbablyComesFrom(t *testing.T) {
	const (
		old       = "repo:acme/web:ref:refs/heads/main"
		immutable = "repo:acme@1001/web@2002:ref:refs/heads/main"
		oldWanted = "the token has GitHub's immutable form, with numbers; expected is the old one"
		newWanted = "expected is GitHub's immutable form, with numbers; the token still has the old one"
	)
	for name, c := range map[string]struct {
		line   string
		claims map[string]any
		want   string
	}{
		"immutable, old expected":           {"subject=" + old, map[string]any{"sub": immutable}, oldWanted},
		"immutable, old pattern":            {"subject=repo:acme/web:*", map[string]any{"sub": immutable}, oldWanted},
		"immutable, of another repository":  {"subject=repo:acme/api:*", map[string]any{"sub": immutable}, ""},
		"old, immutable expected":           {"subject=" + immutable, map[string]any{"sub": old}, newWanted},
		"old, immutable pattern":            {"subject=repo:acme@1001/web@2002:*", map[string]any{"sub": old}, newWanted},
		"old, immutable of another":         {"subject=repo:acme@1001/api@2002:*", map[string]any{"sub": old}, ""},
		"other numbers":                     {"subject=repo:acme@1/web@2:*", map[string]any{"sub": immutable}, ""},
		"another branch":                    {"subject=repo:acme/web:ref:refs/heads/x", map[string]any{"sub": old}, ""},
		"nothing expected":                  {"subject=", map[string]any{"sub": old}, ""},
		"no subject":                        {"subject=" + old, nil, ""},
		"issuer with a slash":               {"issuer=https://a.example/", map[string]any{"iss": "https://a.example"}, "they differ in the / at the end only"},
		"issuer in capitals":                {"issuer=https://A.example", map[string]any{"iss": "https://a.example"}, "they differ in upper and lower case only"},
		"issuer without its path":           {"issuer=https://a.example", map[string]any{"iss": "https://a.example/api/actions"}, "the token's has /api/actions at its end, which belongs to it"},
		"issuer with a path":                {"issuer=https://a.example/x", map[string]any{"iss": "https://a.example"}, "the token's ends before /x"},
		"only the repository":               {"subject=repo:acme/web", map[string]any{"sub": old}, "a subject must match as a whole: for all that begin so, write repo:acme/web:*"},
		"subject in capitals":               {"subject=repo:Acme/Web:ref:refs/heads/main", map[string]any{"sub": old}, "they differ in upper and lower case only"},
		"audience with https":               {"audience=https://a.example", map[string]any{"aud": "a.example/"}, "they differ in https:// or a / at the end only"},
		"audience in capitals":              {"audience=A", map[string]any{"aud": "a"}, "they differ in upper and lower case only"},
		"another audience":                  {"audience=a", map[string]any{"aud": "b"}, ""},
		"another issuer":                    {"issuer=https://b.example", map[string]any{"iss": "https://a.example"}, ""},
		"a dotted name":                     {"oidc.circleci.com/job-id=*", map[string]any{"oidc.circleci.com/job-id": "7"}, `quote a name that has dots: "oidc.circleci.com/job-id"`},
		"a dotted name that the token lack": {"oidc.circleci.com/job-id=*", map[string]any{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := compareOne(t, c.line, c.claims)
			if got.OK || got.Note != c.want {
				t.Errorf("ok %t, note %q; want %q", got.OK, got.Note, c.want)
			}
		})
	}
}

func TestDiffer(t *testing.T) {
	for want, findings := range map[bool][]spec.Finding{false: {{OK: true}}, true: {{OK: true}, {}}} {
		if got := spec.Differ(findings); got != want {
			t.Errorf("%v: %t", findings, got)
		}
	}
}

func compareOne(t *testing.T, line string, claims map[string]any) spec.Finding {
	t.Helper()
	wanted, err := spec.Expectations([]string{line})
	if err != nil {
		t.Fatal(err)
	}
	return spec.Compare(wanted, claims)[0]
}

func TestCompare_takesNoNumberForAName(t *testing.T) {
	for line, claims := range map[string]map[string]any{
		"issuer=5":   {"iss": float64(5)},
		"subject=5":  {"sub": float64(5)},
		"subject=*":  {"sub": ""},
		"audience=5": {"aud": []any{"5", float64(5)}},
	} {
		if got := compareOne(t, line, claims); got.OK {
			t.Errorf("%s holds for %v", line, claims)
		}
	}
}
