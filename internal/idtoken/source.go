// Package idtoken is where a workload's OIDC ID token comes from, and what it
// claims.
package idtoken

import (
	"context"
	"net/http"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// An Env looks up an environment variable. A variable that is not set is "".
type Env func(name string) string

// An Audience says who decides a token's `aud`: the real difference between
// sources.
type Audience int

const (
	Requested  Audience = iota // whoever asks for the token, at that moment
	Configured                 // the pipeline's file or an administrator's page
	Fixed                      // the issuer, for all its tokens
)

// A Source is one place that gives ID tokens.
type Source struct {
	Name     string
	Audience Audience

	detect  func(Env) bool          // reads the environment only
	missing func(Env) *diag.Problem // nil if a token can be asked for
	fetch   func(ctx context.Context, env Env, client *http.Client, audience string) (string, error)
}

// sources are tried in order, CI before cloud: a runner may itself run on a
// machine that has another source.
var sources = []Source{
	{Name: "github", Audience: Requested, detect: isActions, missing: actionsMissing, fetch: actionsToken},
}

// Detect returns the source that the environment speaks of. The network is
// not asked.
func Detect(env Env) (Source, error) {
	for _, s := range sources {
		if s.detect(env) {
			return s, nil
		}
	}
	return Source{}, &diag.Problem{
		Code:    "no-id-token",
		Summary: "tailjoin knows no source of ID tokens here",
		Hint:    "run it in a GitHub Actions job, or give authkey or oauth-secret",
	}
}

// Check reports, before any work, why no token can be had from s.
func (s Source) Check(env Env) error {
	if p := s.missing(env); p != nil {
		return p
	}
	return nil
}

// Get asks for a fresh token. It does not try again; what may change by
// itself is marked as *retry.Later.
func (s Source) Get(ctx context.Context, env Env, client *http.Client, audience string) (Token, error) {
	if err := s.Check(env); err != nil {
		return Token{}, err
	}
	jwt, err := s.fetch(ctx, env, client, audience)
	if err != nil {
		return Token{}, err
	}
	return parse(jwt)
}
