package keyring

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// A Keeper has a ring at hand while a service runs, and keeps it as the store
// has it. Its methods may be called at the same time.
type Keeper struct {
	Store      Store
	Vault      Vault    // nil is Local
	Algorithms []string // that tokens are signed with
	Timing     Timing
	Now        func() time.Time     // the time of day; nil is time.Now
	SinceBoot  func() time.Duration // goes on while the machine sleeps; nil is the machine's
	Log        *slog.Logger         // nil is the default one

	mu   sync.Mutex // one change at a time
	held atomic.Pointer[holding]
}

// A holding is a ring that is ready to be used.
type holding struct {
	ring      Ring
	version   string
	signers   map[string]signing // by algorithm
	published []byte             // the public keys, as JSON
	seen      moment             // when the store had it for sure
}

// Open gets the ring out of the store, and makes one if there is none. What
// the algorithms lack is added. Of several processes that do it at once, one
// makes the keys and the others take them.
func (k *Keeper) Open(ctx context.Context) error {
	if err := k.Timing.Check(); err != nil {
		return err
	}
	_, err := k.change(ctx, true, k.completed)
	return err
}

// Read gets the ring out of the store, and changes nothing. It is for those
// who do not sign.
func (k *Keeper) Read(ctx context.Context) (Ring, error) {
	ring, _, err := k.load(ctx, false)
	return ring.pruned(k.now(), k.Timing), err
}

// Ring is what the service works with now; empty before Open.
func (k *Keeper) Ring() Ring {
	if h := k.held.Load(); h != nil {
		return h.ring
	}
	return Ring{}
}

// ErrAway says that the ring at hand may have been replaced in the store.
// Nothing is signed with it then, and some time later it is not shown either.
var ErrAway = errors.New("the store of the signing keys does not answer")

// Fresh fails with ErrAway if the ring was not seen in the store for too long.
func (k *Keeper) Fresh() error {
	_, err := k.within(k.Timing.stale())
	return err
}

// within returns the ring at hand if the store had it at most age ago.
func (k *Keeper) within(age time.Duration) (*holding, error) {
	h := k.held.Load()
	if h == nil || k.since(h.seen) > age {
		return nil, ErrAway
	}
	return h, nil
}

// load reads the store. If there may be no ring yet, it is empty then.
func (k *Keeper) load(ctx context.Context, mayLack bool) (Ring, string, error) {
	raw, version, err := k.Store.Load(ctx)
	if errors.Is(err, ErrNone) && mayLack {
		return Ring{}, "", nil
	}
	if err != nil {
		return Ring{}, "", lost(err)
	}
	ring, err := decode(raw, k.now())
	return ring, version, err
}

// lost explains why there are no keys to be had.
func lost(err error) error {
	if _, ok := errors.AsType[*diag.Problem](err); ok {
		return err
	}
	return &diag.Problem{
		Code:    "keys-away",
		Summary: "the signing keys cannot be had",
		Err:     err,
		Hint: "tailjoin-sts serve makes keys where there are none, when it starts and at no other time.\n" +
			"If it did start, see why the store is away, and put back what was there: new keys would be others than the published ones",
	}
}

// tries is how often a change begins again since somebody else was quicker.
const tries = 20

// change makes one ring of another in the store. Nothing of it happens if
// somebody else changes it at the same time: it begins again then.
func (k *Keeper) change(ctx context.Context, mayLack bool, f func(context.Context, Ring) (Ring, error)) (Ring, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for range tries {
		seen := k.moment()
		ring, version, err := k.load(ctx, mayLack)
		if err != nil {
			return Ring{}, err
		}
		changed, err := f(ctx, ring)
		if err != nil {
			return Ring{}, err
		}
		version, err = k.store(ctx, version, ring, changed)
		if errors.Is(err, ErrChanged) {
			continue
		} else if err != nil {
			return Ring{}, err
		}
		return changed, k.hold(ctx, changed, version, seen)
	}
	return Ring{}, ErrChanged
}

// store puts a ring in the place of another, if it is another.
func (k *Keeper) store(ctx context.Context, version string, old, r Ring) (string, error) {
	was, err := encode(old)
	if err != nil {
		return "", err
	}
	raw, err := encode(r.pruned(k.now(), k.Timing))
	if err != nil || bytes.Equal(was, raw) {
		return version, err
	}
	ctx, cancel := context.WithTimeout(ctx, k.Timing.Refresh)
	defer cancel()
	return k.Store.Swap(ctx, version, raw)
}

// hold makes a ring ready to be used that was seen then. If that fails the one
// before stays.
func (k *Keeper) hold(ctx context.Context, r Ring, version string, seen moment) (err error) {
	h := &holding{ring: r.pruned(k.now(), k.Timing), version: version, seen: seen}
	if h.published, err = json.Marshal(h.ring.Published()); err != nil {
		return err
	}
	before := k.held.Load()
	if before != nil && before.version == version {
		h.signers = before.signers
	} else if h.signers, err = k.signers(ctx, h.ring); err != nil {
		return err
	}
	k.held.Store(h)
	return nil
}

func (k *Keeper) log() *slog.Logger {
	if k.Log == nil {
		return slog.Default()
	}
	return k.Log
}

func (k *Keeper) vault() Vault {
	if k.Vault == nil {
		return Local{}
	}
	return k.Vault
}
