// Package verifiers verifies tokens as those do who get them. It is for tests:
// the libraries are by people who do not know each other, and know nothing of
// the service but its issuer.
package verifiers

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
)

// A Verifier finds the keys by way of discovery, and checks signature, issuer,
// audience and time.
type Verifier func(ctx context.Context, c Claim) error

// A Claim is that a token is good: one of this issuer for this audience, at
// this time.
type Claim struct {
	Issuer   string    `json:"issuer"`
	Audience string    `json:"audience"`
	Token    string    `json:"token"`
	At       time.Time `json:"at"`
}

// All are the verifiers by the names of their libraries.
var All = map[string]Verifier{"coreos/go-oidc": goOIDC, "golang-jwt": golangJWT, "go-jose": goJOSE}

func goOIDC(ctx context.Context, c Claim) error {
	provider, err := oidc.NewProvider(ctx, c.Issuer)
	if err != nil {
		return err
	}
	_, err = provider.Verifier(&oidc.Config{ClientID: c.Audience, Now: func() time.Time { return c.At }}).Verify(ctx, c.Token)
	return err
}

func golangJWT(ctx context.Context, c Claim) error {
	set, err := fetch(ctx, c.Issuer)
	if err != nil {
		return err
	}
	_, err = jwt.Parse(c.Token, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		found := set.Key(kid)
		if len(found) != 1 || found[0].Algorithm != t.Method.Alg() {
			return nil, errors.New("no such key")
		}
		return found[0].Key, nil
	}, jwt.WithIssuer(c.Issuer), jwt.WithAudience(c.Audience), jwt.WithExpirationRequired(), jwt.WithIssuedAt(),
		jwt.WithTimeFunc(func() time.Time { return c.At }))
	return err
}

var algorithms = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.ES384, jose.ES512, jose.EdDSA}

func goJOSE(ctx context.Context, c Claim) error {
	set, err := fetch(ctx, c.Issuer)
	if err != nil {
		return err
	}
	parsed, err := josejwt.ParseSigned(c.Token, algorithms)
	if err != nil {
		return err
	}
	var claims josejwt.Claims
	if err := parsed.Claims(set, &claims); err != nil {
		return err
	}
	return claims.ValidateWithLeeway(josejwt.Expected{Issuer: c.Issuer, AnyAudience: josejwt.Audience{c.Audience}, Time: c.At}, 0)
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
