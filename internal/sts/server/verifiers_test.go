package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/server"
)

// A verifier knows nothing of this service but its issuer. It checks the
// signature, the issuer, the audience and the time.
type verifier func(ctx context.Context, issuer, audience, token string, now time.Time) error

var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

// verifiers are by people who do not know each other.
var verifiers = map[string]verifier{
	"coreos/go-oidc": func(ctx context.Context, issuer, audience, token string, now time.Time) error {
		provider, err := oidc.NewProvider(ctx, issuer)
		if err != nil {
			return err
		}
		_, err = provider.Verifier(&oidc.Config{ClientID: audience, Now: func() time.Time { return now }}).Verify(ctx, token)
		return err
	},
	"golang-jwt": func(ctx context.Context, issuer, audience, token string, now time.Time) error {
		set, err := fetch(ctx, issuer)
		if err != nil {
			return err
		}
		_, err = jwt.Parse(token, func(t *jwt.Token) (any, error) {
			kid, _ := t.Header["kid"].(string)
			found := set.Key(kid)
			if len(found) != 1 || found[0].Algorithm != t.Method.Alg() {
				return nil, errors.New("no such key")
			}
			return found[0].Key, nil
		}, jwt.WithIssuer(issuer), jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
			jwt.WithTimeFunc(func() time.Time { return now }))
		return err
	},
	"go-jose": func(ctx context.Context, issuer, audience, token string, now time.Time) error {
		set, err := fetch(ctx, issuer)
		if err != nil {
			return err
		}
		parsed, err := josejwt.ParseSigned(token, algorithms)
		if err != nil {
			return err
		}
		var claims josejwt.Claims
		if err := parsed.Claims(set, &claims); err != nil {
			return err
		}
		return claims.ValidateWithLeeway(josejwt.Expected{Issuer: issuer, AnyAudience: josejwt.Audience{audience}, Time: now}, 0)
	},
}

// fetch gets the keys by way of discovery.
func fetch(ctx context.Context, issuer string) (set jose.JSONWebKeySet, err error) {
	var document struct {
		JWKSURI string `json:"jwks_uri"`
	}
	if err := get(ctx, issuer+"/.well-known/openid-configuration", &document); err != nil {
		return set, err
	}
	return set, get(ctx, document.JWKSURI, &set)
}

func get(ctx context.Context, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	return json.NewDecoder(res.Body).Decode(v)
}

func TestTokens_areAcceptedByOthersInEveryAlgorithmAndNotWhenAnythingIsWrong(t *testing.T) {
	t.Parallel()
	for _, algorithm := range keyring.Algorithms() {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			s := start(t, tailnet, func(o *server.Options) { o.Policy = allowing(t, algorithm, api) })
			token, issued := s.token(t, api), s.clock.now()
			cases := map[string]struct {
				issuer, audience, token string
				at                      time.Time
				good                    bool
			}{
				"good":              {s.URL, api, token, issued, true},
				"just good":         {s.URL, api, token, issued.Add(5*time.Minute - 2*time.Second), true},
				"expired":           {s.URL, api, token, issued.Add(5*time.Minute + time.Second), false},
				"for another":       {s.URL, "https://other.example.com", token, issued, false},
				"changed":           {s.URL, api, changed(t, token), issued, false},
				"signed by nobody":  {s.URL, api, unsigned(t, token), issued, false},
				"without signature": {s.URL, api, token[:strings.LastIndexByte(token, '.')+1], issued, false},
			}
			for name, verify := range verifiers {
				for what, c := range cases {
					if err := verify(t.Context(), c.issuer, c.audience, c.token, c.at); (err == nil) != c.good {
						t.Errorf("%s, a token that is %s: %v", name, what, err)
					}
				}
			}
			wantRetired(t, s, token, issued)
		})
	}
}

// wantRetired has the key of a token retire, and then be gone.
func wantRetired(t *testing.T, s *service, token string, at time.Time) {
	t.Helper()
	if _, err := s.keys.Rotate(t.Context(), keyring.Rotation{Force: true}); err != nil {
		t.Fatal(err)
	}
	for name, verify := range verifiers {
		for what, token := range map[string]string{"of the key that retires": token, "of the key after it": s.token(t, api)} {
			if err := verify(t.Context(), s.URL, api, token, at); err != nil {
				t.Errorf("%s, a token %s: %v", name, what, err)
			}
		}
	}
	s.clock.pass(time.Hour + 2*time.Minute) // the overlap of this ring
	if err := s.keys.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for name, verify := range verifiers {
		if err := verify(t.Context(), s.URL, api, token, at); err == nil {
			t.Errorf("%s accepts a token of a key that was retired long ago", name)
		}
	}
}

// changed is a token for another subject, with the signature of the first.
func changed(t *testing.T, token string) string {
	t.Helper()
	parts := strings.Split(token, ".")
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(payload), `"sub":"`+nodeID, `"sub":"nOTHERCNTRL`, 1)
	if other == string(payload) {
		t.Fatalf("no subject in %s", payload)
	}
	parts[1] = base64.RawURLEncoding.EncodeToString([]byte(other))
	return strings.Join(parts, ".")
}

// unsigned is a token that says of itself that it needs no signature.
func unsigned(t *testing.T, token string) string {
	t.Helper()
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	return header + "." + strings.Split(token, ".")[1] + "."
}
