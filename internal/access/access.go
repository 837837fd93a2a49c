// Package access is an access token for Tailscale's API: how a job gets one,
// by its own identity, an OAuth client's secret or a person's API key, and what
// to do when it is refused.
package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tailjoin/tailjoin/internal/diagnosis"
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
	Scopes   []string    // that are enough: the token of a secret is for these alone; none: for all it has
	APIKey   secret.Text // of a person, instead of both: an access token that is here already

	Job diagnosis.Job // what is known of the job, to explain a refusal

	API     *tsapi.Client
	IDToken func(ctx context.Context, audience string) (idtoken.Token, error)
	Mask    func(secret.Text)               // called with every secret when it is made
	Again   retry.Waiting                   // called when a request is made again; may be nil
	Measure func(phase string) (end func()) // may be nil
}

// Get tries until ctx's deadline leaves no room for another try.
func (r Request) Get(ctx context.Context) (tsapi.AccessToken, error) {
	token, err := retry.Steps(ctx, r.Again, r.Once)
	if errors.Is(ctx.Err(), context.Canceled) { // it was not the server that failed
		return token, err
	}
	return token, Unanswered(r.API, err)
}

// Once tries once, from a fresh ID token on: one that was used must not be sent again, and
// it may have grown old.
func (r Request) Once(ctx context.Context) (tsapi.AccessToken, error) {
	token, err := r.ask(ctx)
	if err == nil {
		r.Mask(token.Text)
	}
	return token, err
}

func (r Request) ask(ctx context.Context) (tsapi.AccessToken, error) {
	switch {
	case !r.APIKey.IsZero():
		return tsapi.AccessToken{Text: r.APIKey}, nil
	case !r.Secret.IsZero():
		defer r.measure("exchange")()
		token, err := retry.Step(ctx, func(ctx context.Context) (tsapi.AccessToken, error) {
			return r.API.ClientCredentials(ctx, r.ClientID, r.Secret, r.Scopes...)
		})
		return token, r.secretRefused(err)
	}
	id, err := r.idToken(ctx)
	if err != nil {
		return tsapi.AccessToken{}, err
	}
	defer r.measure("exchange")()
	token, err := r.exchange(ctx, id)
	if _, refused := Refusal(err); refused && r.awaitStart(ctx, id.Claims) { // so it was not used
		token, err = r.exchange(ctx, id)
	}
	return token, r.identityRefused(ctx, err, id, time.Now())
}

func (r Request) exchange(ctx context.Context, id idtoken.Token) (tsapi.AccessToken, error) {
	return retry.Step(ctx, func(ctx context.Context) (tsapi.AccessToken, error) {
		return r.API.Exchange(ctx, r.ClientID, id.Text)
	})
}

func (r Request) idToken(ctx context.Context) (idtoken.Token, error) {
	defer r.measure("id-token")()
	token, err := retry.Step(ctx, func(ctx context.Context) (idtoken.Token, error) { return r.IDToken(ctx, r.Audience) })
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
