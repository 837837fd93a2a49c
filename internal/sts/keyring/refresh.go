package keyring

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Run looks at the store again and again until ctx ends, and rotates keys that
// have signed for long enough. A ring that Open could not have since the store
// was away is opened once it is back.
func (k *Keeper) Run(ctx context.Context) {
	again := time.NewTicker(k.Timing.Refresh)
	defer again.Stop()
	away := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
		err := k.look(ctx)
		if err != nil && ctx.Err() == nil {
			k.log().Warn("the signing keys could not be looked at", "because", err, "signing", k.Fresh() == nil)
		} else if away {
			k.log().Info("the signing keys can be looked at again")
		}
		away = err != nil
	}
}

func (k *Keeper) look(ctx context.Context) error {
	if k.held.Load() == nil {
		return k.Open(ctx)
	}
	return k.Refresh(ctx)
}

// Refresh takes over what others made of the ring, and rotates what is due. A
// ring that is gone from the store is no reason to make another one. If the
// ring can be read and not be changed, it is used as it is.
func (k *Keeper) Refresh(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, k.Timing.Refresh)
	defer cancel()
	if err := k.reload(ctx); err != nil {
		return err
	}
	if ring := k.Ring(); k.isComplete(ring) && ring.isSeen() && k.due(ring) == nil {
		return nil
	}
	return k.renew(ctx)
}

func (k *Keeper) reload(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	seen := k.moment() // before the store answers: it may take its time
	ring, version, err := k.load(ctx, false)
	if err != nil {
		return err
	}
	return k.hold(ctx, ring, version, seen)
}

// isComplete does not hold for a ring that a replica with other algorithms has
// left.
func (k *Keeper) isComplete(ring Ring) bool {
	return !slices.ContainsFunc(k.Algorithms, func(algorithm string) bool {
		active, signs := ring.find(algorithm, Active)
		_, next := ring.find(algorithm, Next)
		return !signs || !next || active.Lifetime < k.Timing.Lifetime
	})
}

// renew notes which keys are in the store, adds what the ring lacks and rotates
// what is due: nothing, if another replica was quicker.
func (k *Keeper) renew(ctx context.Context) error {
	var due []string
	_, err := k.change(ctx, false, func(ctx context.Context, ring Ring) (_ Ring, err error) {
		if ring, err = k.withAll(ctx, ring.seen(k.stamp())); err != nil {
			return Ring{}, err
		}
		due = k.due(ring)
		for _, algorithm := range due {
			if ring, err = k.rotated(ctx, ring, algorithm, Rotation{}); err != nil {
				return Ring{}, fmt.Errorf("rotating the key for %s: %w", algorithm, err)
			}
		}
		return ring, nil
	})
	if err == nil && due != nil {
		k.log().Info("another key signs from now on", "algorithms", due)
	}
	return err
}

// due are the algorithms whose keys have signed for long enough, and have a
// successor that everybody knows.
func (k *Keeper) due(ring Ring) (due []string) {
	for _, algorithm := range k.Algorithms {
		active, ok := ring.find(algorithm, Active)
		next, known := ring.find(algorithm, Next)
		if k.Timing.Every != 0 && ok && known && k.now().Sub(active.Activated) >= k.Timing.Every && k.known(next) {
			due = append(due, algorithm)
		}
	}
	return due
}

// known holds for a key that was in the store for long enough to sign.
func (k *Keeper) known(next Key) bool {
	return !next.Seen.IsZero() && k.now().Sub(next.Seen) >= k.Timing.lead()
}
