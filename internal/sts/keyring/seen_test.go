package keyring_test

import (
	"context"
	"encoding/json"
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

// A configuration with a shorter lifetime does not make the tokens shorter that
// are out.
func TestRefresh_keepsARetiredKeyForTheTokensOfAnEarlierConfiguration(t *testing.T) {
	t.Parallel()
	store, c := &keyring.Memory{}, newClock()
	long := keeper(store, c, "ES256")
	long.Timing.Lifetime = time.Hour
	if err := long.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	token := keyringtest.Sign(t, long, "ES256")
	short := mustOpen(t, store, c, "ES256")
	mustRotate(t, short, keyring.Rotation{Force: true})
	mustRefresh(t, short)
	c.Pass(time.Hour + time.Minute)
	mustRefresh(t, short)
	if err := keyringtest.Verify(t, token, short.Published()); err != nil {
		t.Errorf("a token that lives for an hour: %v", err)
	}
	c.Pass(time.Second)
	mustRefresh(t, short)
	if err := keyringtest.Verify(t, token, short.Published()); err == nil {
		t.Error("its key is published for longer than it can live")
	}
}

// A longer lifetime is in the store before the first such token.
func TestOpen_notesALongerLifetimeBeforeItSigns(t *testing.T) {
	t.Parallel()
	store, c := &keyring.Memory{}, newClock()
	first := mustOpen(t, store, c, "ES256")
	long := keeper(store, c, "ES256")
	long.Timing.Lifetime = time.Hour
	if err := long.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustRefresh(t, first)
	for _, k := range []*keyring.Keeper{first, long} {
		if got := k.Ring().Keys[0].Lifetime; got != time.Hour {
			t.Errorf("the key that signs has tokens of %v", got)
		}
	}
	mustRotate(t, long, keyring.Rotation{Force: true})
	if got := long.Ring().Keys[1].Lifetime; got != time.Hour {
		t.Errorf("the next key that signs has tokens of %v", got)
	}
	mustRefresh(t, first)
	mustRotate(t, first, keyring.Rotation{Force: true})
	mustRefresh(t, first) // notes what is in the store, so that this is not why it changes
	mustRefresh(t, long)
	if got := long.Ring().Keys[2].Lifetime; got != time.Hour {
		t.Errorf("the key that another replica has sign has tokens of %v", got)
	}
}

// A ring that lacks its next key gets one, which no verifier knows yet.
func TestRefresh_doesNotSignWithAKeyThatItJustMade(t *testing.T) {
	t.Parallel()
	store, c := &keyring.Memory{}, newClock()
	k := keeper(store, c, "ES256")
	k.Timing.Every = time.Hour
	if err := k.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := k.Ring().Keys[0].ID
	withoutNext(t, store)
	c.Pass(2 * time.Hour)
	for range 2 {
		mustRefresh(t, k)
		if signed, err := k.Sign(t.Context(), "ES256", nil); err != nil || signed.KeyID != first {
			t.Errorf("signed by %s, %v; want %s", signed.KeyID, err, first)
		}
	}
	withoutNext(t, store)
	if _, err := k.Rotate(t.Context(), keyring.Rotation{}); codeOf(err) != "key-too-new" {
		t.Errorf("rotating: %v", err)
	}
}

// withoutNext removes the second key of the stored ring.
func withoutNext(t *testing.T, store *keyring.Memory) {
	t.Helper()
	document, version, err := store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var ring map[string]any
	if err := json.Unmarshal(document, &ring); err != nil {
		t.Fatal(err)
	}
	ring["keys"] = ring["keys"].([]any)[:1]
	if document, err = json.Marshal(ring); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Swap(t.Context(), version, document); err != nil {
		t.Fatal(err)
	}
}
