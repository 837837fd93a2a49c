// Package oidc is an issuer of ID tokens: the keys that it publishes, and
// whether a token is its own.
package oidc

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/jwk"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// Verify reports why token is not a valid one of the issuer that it names, by
// the keys that this publishes (OpenID Connect Discovery 1.0, section 4). It
// does not say that the issuer, the subject or the audience is the right one.
// now is the time to hold it against.
func Verify(ctx context.Context, client *http.Client, token secret.Text, now time.Time) error {
	var claims jwt.RegisteredClaims
	parsed, err := parser(now).ParseWithClaims(token.Reveal(), &claims, func(t *jwt.Token) (any, error) {
		return keys(ctx, client, claims.Issuer, t)
	})
	if err == nil {
		return nil
	}
	if unusable, ok := errors.AsType[*KeysError](err); ok {
		return issuerUnusable(claims.Issuer, unusable)
	}
	return tokenInvalid(parsed, claims, err)
}

// parser takes what a public key verifies and nothing else.
func parser(now time.Time, more ...jwt.ParserOption) *jwt.Parser {
	return jwt.NewParser(append(more,
		jwt.WithValidMethods(jwk.Algorithms()),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(jwk.Leeway),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)...)
}

var errCritical = errors.New("its header has critical extensions, and none is known here") // RFC 7515, section 4.1.11

// keys are those of the issuer that may have signed a token.
func keys(ctx context.Context, client *http.Client, issuer string, t *jwt.Token) (any, error) {
	if err := understood(t); err != nil {
		return nil, err
	}
	set, err := discover(ctx, client, issuer)
	if err != nil {
		return nil, &KeysError{err}
	}
	return candidates(set, t)
}

func understood(t *jwt.Token) error {
	if _, ok := t.Header["crit"]; ok {
		return errCritical
	}
	return nil
}

// candidates are the keys of a set that may have signed a token.
func candidates(set jwk.Set, t *jwt.Token) (any, error) {
	found, err := set.Find(field(t, "kid"), t.Method.Alg())
	if err != nil {
		return nil, err
	}
	var keys jwt.VerificationKeySet
	for _, key := range found {
		keys.Keys = append(keys.Keys, key)
	}
	return keys, nil
}

// field is one of a token's header, "" if it is not there.
func field(t *jwt.Token, name string) string {
	if t == nil {
		return ""
	}
	text, _ := t.Header[name].(string)
	return text
}

// A KeysError is the failure to get an issuer's keys: the token may be good.
type KeysError struct{ error }

func (e *KeysError) Unwrap() error { return e.error }

func issuerUnusable(issuer string, err error) error {
	return &diag.Problem{
		Code:    "issuer-unusable",
		Summary: "the issuer's keys cannot be had, so the token cannot be verified",
		Err:     err,
		Facts:   []diag.Fact{{Name: "issuer", Value: issuer}},
		Hint: "see that ISSUER/.well-known/openid-configuration answers, with the issuer letter by letter in it.\n" +
			"Tailscale needs the same, from the internet: an issuer that it cannot reach cannot be trusted",
	}
}

func tokenInvalid(t *jwt.Token, claims jwt.RegisteredClaims, err error) error {
	return &diag.Problem{
		Code:    "token-invalid",
		Summary: "this is not a valid token of its issuer",
		Err:     err,
		Facts: []diag.Fact{
			{Name: "issuer", Value: claims.Issuer},
			{Name: "algorithm", Value: field(t, "alg")},
			{Name: "key", Value: field(t, "kid")},
			{Name: "expires", Value: stamp(claims.ExpiresAt)},
		},
		Hint: "get a fresh token: it lives for minutes. If it is fresh, it was changed on the way, or another issuer signed it",
	}
}

func stamp(at *jwt.NumericDate) string {
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}
