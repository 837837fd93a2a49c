// Package trust is trust credentials: which workloads may have an access token
// of a tailnet, and for what. It makes them through the API, shows what they
// are, writes them down for other tools, and says beforehand whether a token
// would be let in.
//
// Tailscale gives a credential no name. Here its description is its name: what
// tailjoin makes is found again by it.
package trust

import (
	"cmp"
	"context"
	"slices"
	"sort"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A Tailnet is where credentials are kept, as the bearer of an access token
// sees it.
type Tailnet struct {
	Asked access.Request // that got the token; its API, Mask and Again serve here, too
	Token tsapi.AccessToken
}

func (t Tailnet) api() *tsapi.Client { return t.Asked.API }

// call makes one call of the API, again if it failed in a way that may pass.
func call[T any](ctx context.Context, t Tailnet, doing string, about tsapi.Credential, op func(context.Context) (T, error)) (T, error) {
	value, err := retry.Do(ctx, t.Asked.Again, op)
	if err == nil || ctx.Err() != nil {
		return value, err
	}
	return value, access.Unanswered(t.api(), t.explain(doing, about, err))
}

// List is the credentials that let somebody in, by name.
func (t Tailnet) List(ctx context.Context) ([]tsapi.Credential, error) {
	all, err := call(ctx, t, "listing trust credentials", tsapi.Credential{}, func(ctx context.Context) ([]tsapi.Credential, error) {
		return t.api().Credentials(ctx, t.Token)
	})
	all = slices.DeleteFunc(all, func(c tsapi.Credential) bool { return c.Invalid })
	sort.SliceStable(all, func(i, j int) bool { // a tenth of the code that slices has for a struct
		a, b := &all[i], &all[j]
		return cmp.Or(cmp.Compare(a.Description, b.Description), a.Created.Compare(b.Created)) < 0
	})
	return all, err
}

// isID holds for what an ID of a credential looks like: kABC-style for an OAuth
// client, with the tailnet's before it for a federated identity; in the docs and
// in local tailnets also without the k.
const isID lazy.Pattern = `^(T[0-9A-Za-z]*-)?k[0-9A-Za-z]+$|^T[0-9A-Za-z]*-[0-9A-Za-z]+$`

// Find is the credential with an ID, deleted or not, or the only one that lets
// somebody in and has this name.
func (t Tailnet) Find(ctx context.Context, nameOrID string) (tsapi.Credential, error) {
	if isID.Matches(nameOrID) {
		found, err := t.byID(ctx, nameOrID)
		if !isNotFound(err) {
			return found, err
		}
	}
	all, err := t.List(ctx)
	if err != nil {
		return tsapi.Credential{}, err
	}
	if found := named(all, nameOrID); len(found) == 1 {
		return found[0], nil
	} else if len(found) > 1 {
		return tsapi.Credential{}, ambiguous(nameOrID, found)
	}
	return tsapi.Credential{}, unknown(nameOrID, all)
}

func (t Tailnet) byID(ctx context.Context, id string) (tsapi.Credential, error) {
	return call(ctx, t, "looking for trust credential "+id, tsapi.Credential{}, func(ctx context.Context) (tsapi.Credential, error) {
		return t.api().Credential(ctx, t.Token, id)
	})
}

func named(all []tsapi.Credential, name string) (found []tsapi.Credential) {
	for _, c := range all {
		if c.Description == name {
			found = append(found, c)
		}
	}
	return found
}
