// Package access is an access token for Tailscale's API: how a job gets one,
// by its own identity or by an OAuth client's secret, and what to do when it
// is refused.
package access

import (
	"context"
	"fmt"
	"time"

	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A Request says who asks, and of whom.
type Request struct {
	ClientID string      // of the trust credential
	Audience string      // that the ID token is asked for
	Secret   secret.Text // of an OAuth client, instead of an ID token

	API     *tsapi.Client
	IDToken func(ctx context.Context, audience string) (idtoken.Token, error)
	Mask    func(secret.Text)                   // called with every secret when it is made
	Again   func(err error, wait time.Duration) // called before Get tries again; may be nil
	Measure func(phase string) (end func())     // may be nil
}

// Get tries until there is nothing to be gained by another try.
func (r Request) Get(ctx context.Context) (tsapi.AccessToken, error) {
	token, err := retry.Do(ctx, r.Again, r.Once)
	if ctx.Err() != nil { // it was not the server that failed
		return token, err
	}
	return token, Unanswered(r.API, err)
}

// Once tries once, from a fresh ID token on: that must not be sent twice, and
// it may have grown old.
func (r Request) Once(ctx context.Context) (tsapi.AccessToken, error) {
	token, err := r.ask(ctx)
	if err == nil {
		r.Mask(token.Text)
	}
	return token, err
}

func (r Request) ask(ctx context.Context) (tsapi.AccessToken, error) {
	if !r.Secret.IsZero() {
		defer r.measure("exchange")()
		token, err := r.API.ClientCredentials(ctx, r.ClientID, r.Secret)
		return token, r.secretRefused(err)
	}
	id, err := r.idToken(ctx)
	if err != nil {
		return tsapi.AccessToken{}, err
	}
	defer r.measure("exchange")()
	token, err := r.API.Exchange(ctx, r.ClientID, id.Text)
	return token, r.identityRefused(err, id.Claims)
}

func (r Request) idToken(ctx context.Context) (idtoken.Token, error) {
	defer r.measure("id-token")()
	token, err := r.IDToken(ctx, r.Audience)
	if err != nil {
		return token, fmt.Errorf("asking for an ID token: %w", err)
	}
	r.Mask(token.Text)
	return token, nil
}

func (r Request) measure(phase string) (end func()) {
	if r.Measure == nil {
		return func() {}
	}
	return r.Measure(phase)
}
