package keyring_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/keyring/keyringtest"
)

// A lateStore gives up on a write that arrives later, as a busy etcd does.
type lateStore struct {
	keyring.Memory
	late    bool
	pending func() error
}

func (s *lateStore) Swap(ctx context.Context, old string, document []byte) (string, error) {
	if !s.late {
		return s.Memory.Swap(ctx, old, document)
	}
	s.late = false
	s.pending = func() error {
		_, err := s.Memory.Swap(ctx, old, document)
		return err
	}
	return "", keyring.ErrAway
}

// rotatedLate is a keeper whose store made a rotation an hour after it was asked to.
func rotatedLate(t *testing.T, c *keyringtest.Clock) (k *keyring.Keeper, lost keyring.Key) {
	t.Helper()
	store := &lateStore{}
	k = mustOpen(t, store, c, "ES256")
	mustRefresh(t, k)
	c.Pass(6 * time.Minute)
	store.late = true
	if _, err := k.Rotate(t.Context(), keyring.Rotation{}); !errors.Is(err, keyring.ErrAway) {
		t.Fatal(err)
	}
	lost = k.Ring().Keys[0]
	c.Pass(time.Hour)
	if err := store.pending(); err != nil {
		t.Fatal(err)
	}
	mustRefresh(t, k)
	return k, lost
}

func TestRotate_countsFromWhenTheKeyWasFoundInTheStore(t *testing.T) {
	t.Parallel()
	c := newClock()
	k, _ := rotatedLate(t, c)
	c.Pass(6*time.Minute - time.Second)
	if _, err := k.Rotate(t.Context(), keyring.Rotation{}); codeOf(err) != "key-too-new" {
		t.Errorf("a key that not every replica can have shown: %v", err)
	}
	c.Pass(time.Second)
	mustRotate(t, k, keyring.Rotation{})
}

func TestRefresh_keepsARetiredKeyFromWhenItWasFoundInTheStore(t *testing.T) {
	t.Parallel()
	c := newClock()
	k, old := rotatedLate(t, c)
	has := func() bool {
		mustRefresh(t, k)
		return slices.ContainsFunc(k.Ring().Keys, func(key keyring.Key) bool { return key.ID == old.ID })
	}
	c.Pass(6 * time.Minute)
	if !has() {
		t.Error("a key is gone whose tokens can still be good")
	}
	c.Pass(time.Second)
	if has() {
		t.Error("a key is there whose tokens have all expired")
	}
}

// Without a service that runs, nothing but Rotate itself can note that a key
// is in the store.
func TestRotate_notesTheKeyThatIsTooNew(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := mustOpen(t, &keyring.Memory{}, c, "ES256")
	c.Pass(time.Hour)
	if _, err := k.Rotate(t.Context(), keyring.Rotation{}); codeOf(err) != "key-too-new" {
		t.Errorf("a key that was never shown: %v", err)
	}
	c.Pass(6 * time.Minute)
	mustRotate(t, k, keyring.Rotation{})
}

func TestRefresh_rotatesNoKeyThatNobodyHasSeenLongEnough(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := keeper(&keyring.Memory{}, c, "ES256")
	k.Timing.Every = 6 * time.Minute
	if err := k.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Pass(time.Minute)
	mustRefresh(t, k)
	first := k.Ring().Keys[0].ID
	signs := func() string {
		mustRefresh(t, k)
		signed, err := k.Sign(t.Context(), "ES256", nil)
		if err != nil {
			t.Fatal(err)
		}
		return signed.KeyID
	}
	c.Pass(6*time.Minute - time.Second)
	if signs() != first {
		t.Error("a key signs that was not in the store for long enough")
	}
	c.Pass(time.Second)
	if signs() == first {
		t.Error("a key that is due does not rotate")
	}
}
