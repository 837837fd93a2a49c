package authkey

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// CheckRevoke refuses a filter that says nothing: nobody revokes every key of a
// tailnet by accident.
func CheckRevoke(f Filter) error {
	if f.IsZero() {
		return diag.Input("nothing says which auth keys to revoke",
			"give id, tag or description; --dry-run shows which keys are meant. For every key there is --description '*'")
	}
	return nil
}

// Revoke makes the keys that f means useless, and returns those that it did,
// or would if it is a dryRun. Nodes that joined with them stay. A key that has
// ended needs nothing. If some cannot be revoked, the others still are.
func Revoke(ctx context.Context, d Deps, f Filter, dryRun bool) ([]tsapi.Key, error) {
	if err := CheckRevoke(f); err != nil {
		return nil, err
	}
	token, err := d.Access.Get(ctx)
	if err != nil {
		return nil, err
	}
	keys, err := d.list(ctx, token, f)
	if err != nil {
		return nil, err
	}
	var usable []tsapi.Key // of those with an ID some may have ended
	for _, k := range keys {
		if State(k, d.Now()) == Usable {
			usable = append(usable, k)
		}
	}
	if dryRun {
		return usable, nil
	}
	return d.revokeAll(ctx, token, usable)
}

func (d Deps) revokeAll(ctx context.Context, token tsapi.AccessToken, keys []tsapi.Key) (revoked []tsapi.Key, err error) {
	var failed []diag.Fact
	var first error
	for _, key := range keys {
		err := d.revoke(ctx, token, key.ID)
		if err == nil {
			key.Revoked = d.Now()
			revoked = append(revoked, key)
			continue
		}
		if first == nil {
			first = err
		}
		failed = append(failed, diag.Fact{Name: key.ID, Value: err.Error()})
	}
	if len(failed) == 0 {
		return revoked, nil
	}
	return revoked, notRevoked(failed, len(keys), first)
}

// revoke ends one key. That it is gone already is as good.
func (d Deps) revoke(ctx context.Context, token tsapi.AccessToken, id string) error {
	_, err := d.asking(ctx, "revoking the auth key "+id, func(ctx context.Context) ([]tsapi.Key, error) {
		return nil, d.Access.API.RevokeKey(ctx, token, id)
	})
	if answer, ok := errors.AsType[*tsapi.Error](err); ok && answer.Status == http.StatusNotFound {
		return nil
	}
	return err
}

// notRevoked is one problem for all: that of a single key as it is, if nothing
// else can be said.
func notRevoked(failed []diag.Fact, of int, first error) error {
	if p, ok := errors.AsType[*diag.Problem](first); ok && len(failed) == of {
		return p
	}
	return &diag.Problem{
		Code:    "key-not-revoked",
		Summary: fmt.Sprintf("%d of %d auth keys could not be revoked", len(failed), of),
		Facts:   failed,
		Hint:    "the others are revoked. Do it again: what is revoked needs nothing. Or revoke them under https://login.tailscale.com/admin/settings/keys",
	}
}
