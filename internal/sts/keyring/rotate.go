package keyring

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// A Rotation says which keys are to be replaced, and how.
type Rotation struct {
	Algorithm string // "" is every algorithm
	Force     bool   // with a next key that not every verifier may know yet
	Leaked    bool   // with new keys at once; the old ones are published no longer
}

// Rotate has the next key sign, and makes the one after it. It notes which keys
// are in the store even if it then fails, or without a service that runs the
// next key would never be old enough.
func (k *Keeper) Rotate(ctx context.Context, what Rotation) (Ring, error) {
	note := func(_ context.Context, ring Ring) (Ring, error) { return ring.seen(k.stamp()), nil }
	if _, err := k.change(ctx, false, note); err != nil {
		return Ring{}, err
	}
	return k.change(ctx, false, func(ctx context.Context, ring Ring) (Ring, error) {
		which := ring.Algorithms()
		if what.Algorithm != "" && !slices.Contains(which, what.Algorithm) {
			return Ring{}, diag.Input("no key signs with "+what.Algorithm, fmt.Sprintf("these have one: %v", which))
		} else if what.Algorithm != "" {
			which = []string{what.Algorithm}
		}
		for _, algorithm := range which {
			var err error
			if ring, err = k.rotated(ctx, ring, algorithm, what); err != nil {
				return Ring{}, err
			}
		}
		return ring, nil
	})
}

func (k *Keeper) rotated(ctx context.Context, ring Ring, algorithm string, what Rotation) (Ring, error) {
	if what.Leaked {
		ring.Keys = slices.DeleteFunc(slices.Clone(ring.Keys), func(k Key) bool { return k.Algorithm == algorithm })
		return k.added(ctx, ring, algorithm)
	}
	ring, err := k.added(ctx, ring, algorithm)
	if err != nil {
		return Ring{}, err
	}
	if next, _ := ring.find(algorithm, Next); !what.Force && !k.known(next) {
		return Ring{}, tooNew(next, k.Timing.lead()-k.now().Sub(next.Seen))
	}
	fresh, err := k.fresh(ctx, algorithm)
	return ring.rotated(k.stamp(), fresh).living(k.Timing.Lifetime), err
}

func tooNew(next Key, wait time.Duration) error {
	return &diag.Problem{
		Code:    "key-too-new",
		Summary: "the key that would sign next is too new: a verifier may not know it yet",
		Facts: []diag.Fact{
			{Name: "key", Value: next.ID},
			{Name: "algorithm", Value: next.Algorithm},
			{Name: "made", Value: next.Created.UTC().Format(time.RFC3339)},
		},
		Hint: fmt.Sprintf("wait %v; or --force, if tokens may be refused until verifiers fetch the keys again", wait.Round(time.Second)),
	}
}

// completed is the ring with all that the algorithms need, and nothing that
// signs for others.
func (k *Keeper) completed(ctx context.Context, ring Ring) (Ring, error) {
	return k.withAll(ctx, ring.without(k.stamp(), k.Algorithms))
}

// withAll is the ring with all that the algorithms need.
func (k *Keeper) withAll(ctx context.Context, ring Ring) (_ Ring, err error) {
	for _, algorithm := range k.Algorithms {
		if ring, err = k.added(ctx, ring, algorithm); err != nil {
			return Ring{}, err
		}
	}
	return ring.living(k.Timing.Lifetime), nil
}

// added is the ring with an active and a next key for an algorithm, made now
// if it has none.
func (k *Keeper) added(ctx context.Context, ring Ring, algorithm string) (Ring, error) {
	ring.Keys = slices.Clone(ring.Keys)
	for _, state := range []State{Active, Next} {
		if _, ok := ring.find(algorithm, state); ok {
			continue
		}
		key, err := k.fresh(ctx, algorithm)
		if err != nil {
			return Ring{}, err
		}
		if state == Active {
			key.Activated = key.Created
		}
		ring.Keys = append(ring.Keys, key)
	}
	return ring, nil
}

func (k *Keeper) fresh(ctx context.Context, algorithm string) (Key, error) {
	public, private, err := k.vault().Make(ctx, algorithm)
	if err != nil {
		return Key{}, err
	}
	described, err := describe("", algorithm, public)
	return Key{ID: described.Kid, Algorithm: algorithm, Created: k.stamp(), Public: described, Private: private}, err
}
