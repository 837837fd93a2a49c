// Package authkey makes auth keys for machines that join without tailjoin,
// lists them and revokes them.
package authkey

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// Deps are what the verbs go through.
type Deps struct {
	Access access.Request
	Now    func() time.Time
	Log    *slog.Logger
}

// Limits of what Tailscale takes, and what nobody wants to be shorter.
const (
	Shortest = time.Minute
	Longest  = 90 * 24 * time.Hour
)

// described is what Tailscale's OpenAPI document says of a description.
const described lazy.Pattern = `^[A-Za-z0-9 -]{0,50}$`

// Check refuses a key that Tailscale would not make, and one without tags: its
// nodes would be those of a person, with all that the person may reach.
func Check(r tsapi.KeyRequest) error {
	switch {
	case len(r.Tags) == 0:
		return diag.Input("tags are missing", "say what nodes that join with the key are: --tags tag:ci")
	case r.Lifetime < Shortest || r.Lifetime > Longest:
		return diag.Input(fmt.Sprintf("an auth key cannot be valid for %v", r.Lifetime), "expiry is between 1m and 2160h, which are 90 days")
	case !described.Matches(r.Description):
		return diag.Input("Tailscale does not take this description", "use 50 letters, digits, spaces and hyphens at most",
			diag.Fact{Name: "description", Value: fmt.Sprintf("%q", r.Description)})
	}
	return nil
}

// Create makes a key and hands it to keep. A key that could not be kept is
// revoked, since nobody has it.
func Create(ctx context.Context, d Deps, r tsapi.KeyRequest, keep func(tsapi.AuthKey) error) error {
	token, err := d.Access.Get(ctx)
	if err != nil {
		return err
	}
	key, err := d.create(ctx, token, r)
	if err != nil {
		return err
	}
	d.Access.Mask(key.Text)
	if err := keep(key); err != nil {
		d.takeBack(ctx, token, key.ID)
		return err
	}
	return nil
}

func (d Deps) create(ctx context.Context, token tsapi.AccessToken, r tsapi.KeyRequest) (tsapi.AuthKey, error) {
	lost := false
	key, err := retry.Do(ctx, d.Access.Again, func(ctx context.Context) (tsapi.AuthKey, error) {
		key, err := d.Access.API.CreateKey(ctx, token, r)
		lost = lost || isLost(err)
		return key, err
	})
	if lost {
		d.Log.Warn(fmt.Sprintf("an answer was lost: there may be a key that nobody has, until %s (description %q)",
			d.Now().Add(r.Lifetime).UTC().Format(time.RFC3339), r.Description))
	}
	if ctx.Err() != nil {
		return key, err
	}
	return key, access.Unanswered(d.Access.API, d.explain(err, token, r.Tags))
}

// isLost holds for an error after which nobody knows whether the key was made.
func isLost(err error) bool {
	answer, ok := errors.AsType[*tsapi.Error](err)
	return err != nil && (!ok || answer.Status >= 500)
}

func (d Deps) explain(err error, token tsapi.AccessToken, tags []string) error {
	if err == nil {
		return nil
	}
	return d.Access.KeyRefused(err, token, tags)
}

// undoing bounds the end of a key that could not be kept, whatever ended the
// work itself.
const undoing = 10 * time.Second

func (d Deps) takeBack(ctx context.Context, token tsapi.AccessToken, id string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoing)
	defer cancel()
	if err := d.Access.API.RevokeKey(ctx, token, id); err != nil {
		d.Log.Warn(fmt.Sprintf("the auth key %s, which nobody has, could not be revoked: %v", id, err))
	}
}
