package trust

import (
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/jwk"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// Check says of each rule of a federated identity whether a token's claims hold
// it, now. If they all do, Tailscale lets the token in, provided that its
// signature is good. The error is for what is no federated identity.
func Check(c tsapi.Credential, claims map[string]any, now time.Time) ([]spec.Finding, error) {
	if c.Kind != tsapi.Federated {
		return nil, diag.Input("an OAuth client lets nobody in by a token", "it takes its secret; name a federated identity")
	}
	if c.Invalid {
		return nil, deleted(c)
	}
	findings := spec.Compare(expectations(c), claims)
	return append(findings, times(claims, now)...), nil
}

// Verdict is nil if every rule holds.
func Verdict(c tsapi.Credential, findings []spec.Finding) error {
	if !spec.Differ(findings) {
		return nil
	}
	return refuses(c, findings)
}

func expectations(c tsapi.Credential) []spec.Expectation {
	wanted := []spec.Expectation{
		{Name: "issuer", Pattern: c.Issuer}, {Name: "subject", Pattern: c.Subject}, {Name: "audience", Pattern: Audience(c)},
	}
	for _, path := range slices.Sorted(maps.Keys(c.Claims)) {
		wanted = append(wanted, spec.Expectation{Name: asClaim(path), Pattern: c.Claims[path]})
	}
	return wanted
}

// asClaim keeps a claim that is called like a field apart from it.
func asClaim(path string) string {
	switch path {
	case "issuer", "subject", "audience":
		return `"` + path + `"`
	}
	return path
}

// times are the rules that hold for a time: RFC 7519, sections 4.1.4 to 4.1.6.
// The last two are for tokens that have the claim.
func times(claims map[string]any, now time.Time) (findings []spec.Finding) {
	for _, rule := range []struct {
		claim, name, pattern string
		needed               bool
		holds                func(time.Time) bool
	}{
		{"exp", "expires", "in the future", true, now.Add(-jwk.Leeway).Before},
		{"nbf", "not before", "in the past", false, func(at time.Time) bool { return !now.Add(jwk.Leeway).Before(at) }},
		{"iat", "issued", "in the past", false, func(at time.Time) bool { return !now.Add(jwk.Leeway).Before(at) }},
	} {
		value, there := claims[rule.claim]
		if !there && !rule.needed {
			continue
		}
		f := spec.Finding{Expectation: spec.Expectation{Name: rule.name, Pattern: rule.pattern}, There: there, Note: "it is no time"}
		if at, ok := numericDate(value); ok {
			f.Found, f.OK, f.Note = stamp(at), rule.holds(at), ""
		}
		findings = append(findings, f)
	}
	return findings
}

// numericDate reads seconds since 1970 (RFC 7519, section 2).
func numericDate(value any) (time.Time, bool) {
	var seconds float64
	switch v := value.(type) {
	case float64:
		seconds = v
	case json.Number:
		var err error
		if seconds, err = v.Float64(); err != nil {
			return time.Time{}, false
		}
	default:
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0).UTC(), true
}

func stamp(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
