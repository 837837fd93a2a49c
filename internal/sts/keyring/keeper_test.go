package keyring_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// What is over is not stored any longer either, or copies of the ring would
// hold all keys that there ever were.
func TestRefresh_removesWhatIsOverFromTheStore(t *testing.T) {
	t.Parallel()
	store, c := &keyring.Memory{}, newClock()
	k := mustOpen(t, store, c, "ES256")
	old := k.Ring().Keys[0].ID
	has := func() bool {
		document, _, err := store.Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(string(document), old)
	}
	mustRotate(t, k, keyring.Rotation{Force: true})
	mustRefresh(t, k)
	if c.Pass(6 * time.Minute); !has() {
		t.Error("the key is gone too early")
	}
	c.Pass(time.Second)
	mustRotate(t, k, keyring.Rotation{})
	if has() {
		t.Error("the store has a key whose tokens have all expired")
	}
}

// A hangingStore takes no change, and says nothing.
type hangingStore struct{ keyring.Memory }

func (*hangingStore) Swap(ctx context.Context, _ string, _ []byte) (string, error) {
	<-ctx.Done()
	return "", ctx.Err()
}

func TestOpen_waitsForAChangeNoLongerThanForALook(t *testing.T) {
	t.Parallel()
	k := keeper(&hangingStore{}, newClock(), "ES256")
	k.Timing.Refresh = 100 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := k.Open(ctx); !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		t.Errorf("%v, and its caller's time is over: %v", err, ctx.Err())
	}
}
