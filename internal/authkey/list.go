package authkey

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sort"
	"time"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A Filter says which keys are meant: those that meet all of it. The zero
// value means every key that can be used.
type Filter struct {
	IDs         []string
	Tags        []string // each of these
	Description string   // a pattern, for spec.Matches; "" is any
	Ended       bool     // keys that no node can join with, too, if the API still lists them
}

// IsZero reports that nothing was said of the keys.
func (f Filter) IsZero() bool { return len(f.IDs)+len(f.Tags) == 0 && f.Description == "" }

func (f Filter) holds(k tsapi.Key, now time.Time) bool {
	lacks := func(tag string) bool { return !slices.Contains(k.Tags, tag) }
	return (f.Ended || len(f.IDs) > 0 || State(k, now) == Usable) &&
		(f.Description == "" || spec.Matches(f.Description, k.Description)) &&
		!slices.ContainsFunc(f.Tags, lacks)
}

// Usable is the state of a key that a node can join with.
const Usable = "usable"

// State is what has become of a key, in a word or two.
func State(k tsapi.Key, now time.Time) string {
	switch {
	case !k.Revoked.IsZero():
		return "revoked"
	case !k.Expires.IsZero() && !now.Before(k.Expires):
		return "expired"
	case k.Invalid && !k.Reusable:
		return "used up"
	case k.Invalid:
		return "invalid"
	}
	return Usable
}

// List returns the keys that f means, oldest first. Of an ID it finds a key
// that has ended, too.
func List(ctx context.Context, d Deps, f Filter) ([]tsapi.Key, error) {
	token, err := d.Access.Get(ctx)
	if err != nil {
		return nil, err
	}
	return d.list(ctx, token, f)
}

func (d Deps) list(ctx context.Context, token tsapi.AccessToken, f Filter) ([]tsapi.Key, error) {
	keys, err := d.named(ctx, token, f.IDs)
	if len(f.IDs) == 0 {
		keys, err = d.asking(ctx, "listing auth keys", func(ctx context.Context) ([]tsapi.Key, error) {
			return d.Access.API.Keys(ctx, token)
		})
	}
	if err != nil {
		return nil, err
	}
	var meant []tsapi.Key
	for _, k := range keys {
		if f.holds(k, d.Now()) {
			meant = append(meant, k)
		}
	}
	sort.SliceStable(meant, func(i, j int) bool { return meant[i].Created.Before(meant[j].Created) })
	return meant, nil
}

// named are the keys with these IDs. What is a key in Tailscale's words only,
// a trust credential or an API key, is refused.
func (d Deps) named(ctx context.Context, token tsapi.AccessToken, ids []string) (keys []tsapi.Key, err error) {
	for _, id := range ids {
		found, err := d.asking(ctx, "asking for the auth key "+id, func(ctx context.Context) ([]tsapi.Key, error) {
			key, err := d.Access.API.Key(ctx, token, id)
			return []tsapi.Key{key}, err
		})
		if err != nil {
			return nil, unknown(id, err)
		}
		if kind := found[0].Type; kind != "auth" {
			return nil, noAuthKey(id, kind)
		}
		keys = append(keys, found...)
	}
	return keys, nil
}

// asking tries until there is nothing to be gained by another try.
func (d Deps) asking(ctx context.Context, doing string, op func(context.Context) ([]tsapi.Key, error)) ([]tsapi.Key, error) {
	got, err := retry.Do(ctx, d.Access.Again, op)
	if err == nil {
		return got, nil
	}
	err = d.Access.KeysRefused(doing, err)
	if ctx.Err() != nil {
		return got, err
	}
	return got, access.Unanswered(d.Access.API, err)
}

// unknown explains an ID that the tailnet does not have.
func unknown(id string, err error) error {
	if answer, ok := errors.AsType[*tsapi.Error](err); !ok || answer.Status != http.StatusNotFound {
		return err
	}
	return &diag.Problem{
		Code:    "key-unknown",
		Summary: fmt.Sprintf("the tailnet has no auth key %s", id),
		Err:     err,
		Hint: "give the ID of a key, not the key: tailjoin authkey list shows those that can be used.\n" +
			"In a key tskey-auth-kABC-… the ID is kABC",
	}
}

func noAuthKey(id, kind string) error {
	what := map[string]string{"client": "an OAuth client", "federated": "a federated identity", "api": "an API key"}[kind]
	if what == "" {
		what = "a key of the type " + kind
	}
	return &diag.Problem{
		Code:    "key-unknown",
		Summary: fmt.Sprintf("%s is no auth key: it is %s", id, what),
		Hint:    "for OAuth clients and federated identities there is tailjoin trust; give the ID of an auth key here",
	}
}
