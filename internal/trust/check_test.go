package trust_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/trust"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

var noon = time.Date(2026, 8, 1, 12, 0, 0, 0, time.UTC)

// good is a token that the credential lets in.
func good() map[string]any {
	return map[string]any{
		"iss": "https://a.example", "sub": "repo:acme/web:ref:refs/heads/main", "aud": "api.tailscale.com/T1-k1",
		"exp": float64(noon.Unix() + 300), "nbf": float64(noon.Unix() - 5), "iat": float64(noon.Unix()), "environment": "production",
	}
}

func web() tsapi.Credential {
	return tsapi.Credential{
		ID: "T1-k1", Kind: tsapi.Federated, Description: "web main", Issuer: "https://a.example",
		Subject: "repo:acme/web:*", Claims: map[string]string{"environment": "prod*"},
	}
}

func TestCheck_saysWhichRuleDoesNotHold(t *testing.T) {
	at := func(away time.Duration) float64 { return float64(noon.Add(away).Unix()) }
	for name, c := range map[string]struct {
		claim string
		value any
		want  string // the rules that do not hold
	}{
		"all hold":              {"", nil, ""},
		"issuer":                {"iss", "https://b.example", "issuer"},
		"subject":               {"sub", "repo:acme/api:ref:refs/heads/main", "subject"},
		"audience":              {"aud", []any{"sts.amazonaws.com"}, "audience"},
		"claim":                 {"environment", "staging", "environment"},
		"claim that is missing": {"environment", nil, "environment"},
		"expired":               {"exp", at(-time.Minute), "expires"},
		"expired just now":      {"exp", at(-time.Second), ""},
		"expired 29 s ago":      {"exp", at(-29 * time.Second), ""},
		"expired 31 s ago":      {"exp", at(-31 * time.Second), "expires"},
		"valid in 30 s":         {"nbf", at(30 * time.Second), ""},
		"valid in 31 s":         {"nbf", at(31 * time.Second), "not before"},
		"issued in 30 s":        {"iat", at(30 * time.Second), ""},
		"issued in 31 s":        {"iat", at(31 * time.Second), "issued"},
		"no expiry":             {"exp", nil, "expires"},
		"an expiry in words":    {"exp", "tomorrow", "expires"},
		"not yet valid":         {"nbf", at(time.Minute), "not before"},
		"no nbf":                {"nbf", nil, ""},
		"issued in the future":  {"iat", at(time.Minute), "issued"},
	} {
		t.Run(name, func(t *testing.T) {
			claims := good()
			if c.value != nil {
				claims[c.claim] = c.value
			} else {
				delete(claims, c.claim)
			}
			findings, err := trust.Check(web(), claims, noon)
			if err != nil {
				t.Fatal(err)
			}
			if got := failed(findings); got != c.want {
				t.Errorf("these do not hold: %q, want %q", got, c.want)
			}
			if err := trust.Verdict(web(), findings); (err == nil) != (c.want == "") {
				t.Errorf("verdict: %v", err)
			}
		})
	}
}

// failed are the names of the rules that do not hold.
func failed(findings []spec.Finding) string {
	var names []string
	for _, f := range findings {
		if !f.OK {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestCheck_aClaimMayBeCalledLikeAField(t *testing.T) {
	c := web()
	c.Claims = map[string]string{"subject": "alice", "issuer": "mint"}
	claims := good()
	claims["subject"], claims["issuer"] = "alice", "other"
	findings, err := trust.Check(c, claims, noon)
	if err != nil || failed(findings) != `"issuer"` {
		t.Errorf("these do not hold: %s, %v; want \"issuer\"", failed(findings), err)
	}
}

func TestCheck_whatLetsNobodyIn(t *testing.T) {
	client, gone := web(), web()
	client.Kind, gone.Invalid = tsapi.OAuthClient, true
	_, err := trust.Check(client, good(), noon)
	wantCode(t, err, "input-invalid")
	_, err = trust.Check(gone, good(), noon)
	wantCode(t, err, "trust-deleted")
}

func TestChanges_inTheirOrder(t *testing.T) {
	have, want := web(), web()
	have.Audience, have.Scopes, have.Tags = "api.tailscale.com/T1-k1", []string{"b", "a"}, []string{"tag:ci"}
	want.ID, want.Scopes, want.Tags = "", []string{"a", "b", "a"}, []string{"tag:ci"}
	if got := trust.Changes(have, want); len(got) > 0 {
		t.Errorf("the same in another order: %v", got)
	}
	want.Audience, want.Tags, want.Issuer, want.Description = "https://x.example", nil, "https://b.example", "web"
	want.Claims = map[string]string{"actor": "a"}
	wantChanges := []trust.Change{
		{"name", "web main", "web"}, {"issuer", "https://a.example", "https://b.example"},
		{"audience", "api.tailscale.com/T1-k1", "https://x.example"}, {"tags", "tag:ci", ""},
		{"claim actor", "", "a"}, {"claim environment", "prod*", ""},
	}
	if d := cmp.Diff(wantChanges, trust.Changes(have, want)); d != "" {
		t.Errorf("changes (-want +got):\n%s", d)
	}
}
