//go:build linux

package sts

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A cloud sees three things of the service: both documents, and a token.
type seen struct {
	issuer    string // as it is configured there
	audience  string
	discovery struct {
		Issuer        string   `json:"issuer"`
		JWKSURI       string   `json:"jwks_uri"`
		ResponseTypes []string `json:"response_types_supported"`
		SubjectTypes  []string `json:"subject_types_supported"`
		Algorithms    []string `json:"id_token_signing_alg_values_supported"`
		Claims        []string `json:"claims_supported"`
	}
	keys   []map[string]string
	header map[string]string
	claims map[string]any
}

// A demand is what documentation says that is needed. got is to be want.
type demand struct {
	what string
	got  func(*seen) any
	want any
}

// ofAll are those of OpenID Connect: Discovery 1.0, sections 3 and 4.3, and Core 1.0, section 2. Google and Entra ID refer to them.
var ofAll = []demand{
	{"the document names the issuer at which it was found", func(s *seen) any { return s.discovery.Issuer }, "ISSUER"},
	{"so does the token", func(s *seen) any { return s.claims["iss"] }, "ISSUER"},
	{"the keys are where the issuer is", func(s *seen) any { return strings.HasPrefix(s.discovery.JWKSURI, s.issuer+"/") }, true},
	{"response types", func(s *seen) any { return s.discovery.ResponseTypes }, []string{"id_token"}},
	{"subject types", func(s *seen) any { return s.discovery.SubjectTypes }, []string{"public"}},
	{"the token's algorithm is announced", func(s *seen) any { return slices.Contains(s.discovery.Algorithms, s.header["alg"]) }, true},
	{"one key has the token's name, and its algorithm", func(s *seen) any { return s.named() }, 1},
	{"claims that a token has to have", func(s *seen) any { return s.lacks(s.claims, "iss", "sub", "aud", "exp", "iat") }, []string(nil)},
	{"it is for one audience", func(s *seen) any { return s.claims["aud"] }, []any{"AUDIENCE"}},
	{"no party is authorized beside the audience", func(s *seen) any { return s.claims["azp"] }, nil},
	{"iat is in the past", func(s *seen) any { return s.seconds("iat") <= time.Now().Unix() }, true},
	{"the subject has 255 bytes at most", func(s *seen) any { return len(fmt.Sprint(s.claims["sub"])) <= 255 }, true},
}

// demands are those of each, by the heading in docs/token-service.md.
var demands = map[string][]demand{
	// https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html,
	// https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateOpenIDConnectProvider.html, and since November 2024
	// https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html: RSA or ECDSA.
	"AWS": {
		{"RSA or ECDSA", func(s *seen) any {
			return slices.Contains([]string{"RS256", "ES256", "ES384", "ES512"}, s.header["alg"])
		}, true},
		{"a client ID has 255 characters at most", func(s *seen) any { return len(s.audience) <= 255 }, true},
		{"the document says which claims there are", func(s *seen) any { return s.announced("iss", "sub", "aud", "exp", "iat") }, true},
		{"a hundred keys at most", func(s *seen) any { return len(s.keys) <= 100 }, true},
	},
	// https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations.
	"Entra ID": {
		{"RS256 alone", func(s *seen) any { return s.header["alg"] }, "RS256"},
		{"the one audience that there is", func(s *seen) any { return s.audience }, "api://AzureADTokenExchange"},
		{"issuer and subject have 600 characters at most", func(s *seen) any { return max(len(s.issuer), len(fmt.Sprint(s.claims["sub"]))) <= 600 }, true},
	},
	// https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token (subjectToken), and
	// https://cloud.google.com/iam/docs/reference/rest/v1/projects.locations.workloadIdentityPools.providers (attributeMapping, oidc).
	"Google Cloud": {
		{"RS256 or ES256", func(s *seen) any { return s.header["alg"] == "RS256" || s.header["alg"] == "ES256" }, true},
		{"the header names the key", func(s *seen) any { return s.header["kid"] != "" }, true},
		{"it lives for less than a day", func(s *seen) any { return s.seconds("exp")-s.seconds("iat") < 24*60*60 }, true},
		{"google.subject has 127 bytes at most", func(s *seen) any { return len(fmt.Sprint(s.claims["sub"])) <= 127 }, true},
		{"the audience is the provider", func(s *seen) any { return strings.HasPrefix(s.audience, "//iam.googleapis.com/projects/") }, true},
		{"the tags that the condition asks for", func(s *seen) any { return s.claims["tags"] }, []any{"tag:web"}},
	},
	// https://developer.hashicorp.com/vault/api-docs/auth/jwt: all algorithms for a role of type jwt; a claim by its JSON pointer.
	"Vault": {
		{"what bound_claims points to", func(s *seen) any { return s.claims["italypaleale.me/tsiam"].(map[string]any)["tags"] }, []any{"tag:web"}},
		{"it says since when", func(s *seen) any { return s.lacks(s.claims, "nbf") }, []string(nil)},
	},
}

// The service is configured as the page says, for one after the other, and the node is granted what it says.
func TestClouds_seeWhatTheyDemand(t *testing.T) {
	for heading, own := range demands {
		t.Run(heading, func(t *testing.T) {
			r := recipeFor(t, heading)
			s := serve(t, r.tokens, r.audiences...)
			for _, audience := range r.audiences {
				saw := s.seen(audience)
				for _, d := range slices.Concat(ofAll, own) {
					if diff := cmp.Diff(saw.filled(d.want), d.got(saw)); diff != "" {
						t.Errorf("%s (-want +got):\n%s", d.what, diff)
					}
				}
			}
		})
	}
}

func (s *service) seen(audience string) *seen {
	s.t.Helper()
	saw := &seen{issuer: s.URL, audience: audience}
	s.json("/.well-known/openid-configuration", &saw.discovery)
	var set struct{ Keys []map[string]string }
	s.json("/.well-known/jwks.json", &set)
	saw.keys = set.Keys
	token, err := s.Token(s.t.Context(), audience)
	if err != nil {
		s.t.Fatal(err)
	}
	for i, part := range []any{&saw.header, &saw.claims} {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[i])
		if err == nil {
			err = json.Unmarshal(raw, part)
		}
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return saw
}

// filled is what is wanted, with the issuer and the audience in it.
func (s *seen) filled(want any) any {
	switch want := want.(type) {
	case string:
		return strings.NewReplacer("ISSUER", s.issuer, "AUDIENCE", s.audience).Replace(want)
	case []any:
		return []any{s.filled(want[0])}
	}
	return want
}

func (s *seen) named() (n int) {
	for _, k := range s.keys {
		if k["kid"] == s.header["kid"] && k["alg"] == s.header["alg"] {
			n++
		}
	}
	return n
}

func (s *seen) announced(names ...string) bool {
	return !slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(s.discovery.Claims, name) })
}

func (*seen) lacks(claims map[string]any, names ...string) (missing []string) {
	for _, name := range names {
		if claims[name] == nil {
			missing = append(missing, name)
		}
	}
	return missing
}

func (s *seen) seconds(name string) int64 {
	n, _ := s.claims[name].(float64)
	return int64(n)
}
