package keyring_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/keyring/keyringtest"
)

func newClock() *keyringtest.Clock {
	return keyringtest.At(time.Date(2026, 8, 20, 2, 0, 0, 0, time.UTC))
}

// timing: a retired key is published for 6 minutes, a next key may sign after
// 6 minutes, keys that were not seen for 30 s are not used.
var timing = keyring.Timing{Lifetime: 5 * time.Minute, Skew: time.Minute, CacheFor: 5 * time.Minute, Refresh: 10 * time.Second}

// keeper is one that is not open yet.
func keeper(store keyring.Store, c *keyringtest.Clock, algorithms ...string) *keyring.Keeper {
	return &keyring.Keeper{
		Store: store, Algorithms: algorithms, Timing: timing, Now: c.Now,
		Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func mustOpen(t *testing.T, store keyring.Store, c *keyringtest.Clock, algorithms ...string) *keyring.Keeper {
	t.Helper()
	k := keeper(store, c, algorithms...)
	if err := k.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return k
}

// mustRefresh looks at the store.
func mustRefresh(t *testing.T, k *keyring.Keeper) {
	t.Helper()
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func mustRotate(t *testing.T, k *keyring.Keeper, what keyring.Rotation) {
	t.Helper()
	if _, err := k.Rotate(t.Context(), what); err != nil {
		t.Fatal(err)
	}
}

// codeOf is the code of a Problem, "" if it is none.
func codeOf(err error) string {
	if p, ok := errors.AsType[*diag.Problem](err); ok {
		return p.Code
	}
	return ""
}

func states(r keyring.Ring) (all []string) {
	for _, k := range r.Keys {
		all = append(all, k.Algorithm+" "+string(k.State()))
	}
	slices.Sort(all)
	return all
}

func TestSign_makesTokensThatOthersVerify(t *testing.T) {
	t.Parallel()
	k := mustOpen(t, &keyring.Memory{}, newClock(), keyring.Algorithms()...)
	for _, algorithm := range keyring.Algorithms() {
		token := keyringtest.Sign(t, k, algorithm)
		if err := keyringtest.Verify(t, token, k.Published()); err != nil {
			t.Errorf("%s: %v\n%s", algorithm, err, k.Published())
		}
		changed := []byte(token)
		changed[len(changed)/2] ^= 1
		if err := keyringtest.Verify(t, string(changed), k.Published()); err == nil {
			t.Errorf("%s: a changed token verifies", algorithm)
		}
	}
	if err := k.Prove(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := k.Sign(t.Context(), "HS256", nil); err == nil {
		t.Error("it signs with a shared secret")
	}
}

func TestOpen_makesAKeyThatSignsAndOneForLater(t *testing.T) {
	t.Parallel()
	store := &keyring.Memory{}
	first := mustOpen(t, store, newClock(), "ES256", "EdDSA")
	want := []string{"ES256 active", "ES256 next", "EdDSA active", "EdDSA next"}
	if d := cmp.Diff(want, states(first.Ring())); d != "" {
		t.Error(d)
	}
	again := mustOpen(t, store, newClock(), "ES256", "EdDSA")
	if d := cmp.Diff(first.Ring(), again.Ring()); d != "" {
		t.Errorf("opening it again changed it:\n%s", d)
	}
	for _, key := range first.Ring().Keys {
		if key.ID != key.Public.Thumbprint() {
			t.Errorf("key %s is not called by its thumbprint %s", key.ID, key.Public.Thumbprint())
		}
	}
}

func TestOpen_severalAtOnceAgree(t *testing.T) {
	t.Parallel()
	store := keyring.File{Path: filepath.Join(t.TempDir(), "keys", "ring.json")}
	rings := make([]keyring.Ring, 8)
	var all sync.WaitGroup
	for i := range rings {
		all.Go(func() { rings[i] = mustOpen(t, store, newClock(), "ES256").Ring() })
	}
	all.Wait()
	for _, ring := range rings[1:] {
		if d := cmp.Diff(rings[0], ring); d != "" {
			t.Errorf("two have different rings:\n%s", d)
		}
	}
}

func TestOpen_retiresAnAlgorithmThatNobodyWantsAnyMore(t *testing.T) {
	t.Parallel()
	store, c := &keyring.Memory{}, newClock()
	token := keyringtest.Sign(t, mustOpen(t, store, c, "ES256"), "ES256")
	k := mustOpen(t, store, c, "EdDSA")
	want := []string{"ES256 retiring", "EdDSA active", "EdDSA next"}
	if d := cmp.Diff(want, states(k.Ring())); d != "" {
		t.Error(d)
	}
	if err := keyringtest.Verify(t, token, k.Published()); err != nil {
		t.Errorf("a token from before: %v", err)
	}
}

// Two replicas whose configurations differ, for as long as a new one is rolled
// out: the first was started again with the old one.
func TestRefresh_hasWhatAnotherReplicaDidNotWant(t *testing.T) {
	t.Parallel()
	store, c := &keyring.Memory{}, newClock()
	k := mustOpen(t, store, c, "ES256", "EdDSA")
	mustOpen(t, store, c, "ES256")
	for range 2 {
		if err := k.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := []string{"ES256 active", "ES256 next", "EdDSA active", "EdDSA next", "EdDSA retiring"}
		if d := cmp.Diff(want, states(k.Ring())); d != "" {
			t.Error(d)
		}
	}
	keyringtest.Sign(t, k, "EdDSA")
}

func TestRotate_refusesNoGoodTokenAndNoBadOneLives(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := mustOpen(t, &keyring.Memory{}, c, "ES256")
	mustRefresh(t, k)
	old, before := keyringtest.Sign(t, k, "ES256"), k.Published()
	c.Pass(6 * time.Minute)
	mustRotate(t, k, keyring.Rotation{})
	mustRefresh(t, k)
	fresh := keyringtest.Sign(t, k, "ES256")

	if d := cmp.Diff([]string{"ES256 active", "ES256 next", "ES256 retiring"}, states(k.Ring())); d != "" {
		t.Error(d)
	}
	for name, token := range map[string]string{"of the old key": old, "of the new key": fresh} {
		if err := keyringtest.Verify(t, token, k.Published()); err != nil {
			t.Errorf("a token %s: %v", name, err)
		}
	}
	if err := keyringtest.Verify(t, fresh, before); err != nil {
		t.Errorf("a verifier with the keys from before refuses a new token: %v", err)
	}
	c.Pass(6*time.Minute + time.Second)
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := keyringtest.Verify(t, old, k.Published()); err == nil {
		t.Error("a token of a key that is retired for good verifies")
	}
	if err := keyringtest.Verify(t, fresh, k.Published()); err != nil {
		t.Errorf("a token of the key that signs: %v", err)
	}
}

func TestRotate_forgetsThePrivateHalfOfWhatItRetires(t *testing.T) {
	t.Parallel()
	k := mustOpen(t, &keyring.Memory{}, newClock(), "ES256")
	mustRotate(t, k, keyring.Rotation{Force: true})
	for _, key := range k.Ring().Keys {
		if has, want := key.Private.PKCS8 != nil, key.State() != keyring.Retiring; has != want {
			t.Errorf("the %s key has its private half: %v", key.State(), has)
		}
	}
}

func TestRotate_waitsUntilEveryVerifierKnowsTheKey(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := mustOpen(t, &keyring.Memory{}, c, "ES256")
	mustRefresh(t, k)
	c.Pass(timing.CacheFor + timing.Skew - time.Second)
	if _, err := k.Rotate(t.Context(), keyring.Rotation{}); codeOf(err) != "key-too-new" {
		t.Errorf("a key that is too new: %v", err)
	}
	c.Pass(time.Second)
	mustRotate(t, k, keyring.Rotation{})
	mustRotate(t, k, keyring.Rotation{Force: true})
}

func TestRotate_ofLeakedKeysKeepsNone(t *testing.T) {
	t.Parallel()
	k := mustOpen(t, &keyring.Memory{}, newClock(), "ES256")
	mustRotate(t, k, keyring.Rotation{Force: true})
	old, token := k.Ring(), keyringtest.Sign(t, k, "ES256")
	mustRotate(t, k, keyring.Rotation{Leaked: true})
	for _, key := range k.Ring().Keys {
		if slices.ContainsFunc(old.Keys, func(o keyring.Key) bool { return o.ID == key.ID }) {
			t.Errorf("the %s key is an old one", key.State())
		}
	}
	if err := keyringtest.Verify(t, token, k.Published()); err == nil {
		t.Error("a token of a leaked key verifies")
	}
	if err := keyringtest.Verify(t, keyringtest.Sign(t, k, "ES256"), k.Published()); err != nil {
		t.Error(err)
	}
}

func TestRotate_changesOneAlgorithmAlone(t *testing.T) {
	t.Parallel()
	k := mustOpen(t, &keyring.Memory{}, newClock(), "ES256", "EdDSA")
	mustRotate(t, k, keyring.Rotation{Algorithm: "EdDSA", Force: true})
	want := []string{"ES256 active", "ES256 next", "EdDSA active", "EdDSA next", "EdDSA retiring"}
	if d := cmp.Diff(want, states(k.Ring())); d != "" {
		t.Error(d)
	}
	if _, err := k.Rotate(t.Context(), keyring.Rotation{Algorithm: "RS256"}); codeOf(err) != "input-invalid" {
		t.Errorf("an algorithm that nothing signs with: %v", err)
	}
}

func TestRefresh_rotatesWhatIsDue(t *testing.T) {
	t.Parallel()
	c := newClock()
	k := keeper(&keyring.Memory{}, c, "ES256")
	k.Timing.Every = time.Hour
	if err := k.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustRefresh(t, k)
	first := k.Ring()
	for range 59 {
		c.Pass(time.Minute)
		if err := k.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(first, k.Ring()); d != "" {
		t.Errorf("it rotated too soon:\n%s", d)
	}
	c.Pass(time.Minute)
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"ES256 active", "ES256 next", "ES256 retiring"}, states(k.Ring())); d != "" {
		t.Error(d)
	}
}

func TestRefresh_takesOverWhatAnotherProcessDid(t *testing.T) {
	t.Parallel()
	store, c := keyring.File{Path: filepath.Join(t.TempDir(), "ring.json")}, newClock()
	serving, other := mustOpen(t, store, c, "ES256"), mustOpen(t, store, c, "ES256")
	mustRotate(t, other, keyring.Rotation{Force: true})
	if err := serving.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustRefresh(t, other)
	if d := cmp.Diff(other.Ring(), serving.Ring()); d != "" {
		t.Error(d)
	}
	if err := keyringtest.Verify(t, keyringtest.Sign(t, serving, "ES256"), other.Published()); err != nil {
		t.Error(err)
	}
}

func TestRefresh_neverMakesKeysForAStoreThatLostThem(t *testing.T) {
	t.Parallel()
	store, c := keyring.File{Path: filepath.Join(t.TempDir(), "ring.json")}, newClock()
	k := mustOpen(t, store, c, "ES256")
	token, published := keyringtest.Sign(t, k, "ES256"), k.Published()
	if err := os.Remove(store.Path); err != nil {
		t.Fatal(err)
	}
	c.Pass(30 * time.Second)
	if err := k.Refresh(t.Context()); codeOf(err) != "keys-away" {
		t.Errorf("refreshing: %v", err)
	}
	if _, err := k.Rotate(t.Context(), keyring.Rotation{Force: true}); codeOf(err) != "keys-away" {
		t.Errorf("rotating: %v", err)
	}
	keyringtest.Sign(t, k, "ES256")
	c.Pass(time.Second)
	if _, err := k.Sign(t.Context(), "ES256", nil); !errors.Is(err, keyring.ErrAway) {
		t.Errorf("signing with keys that were not seen for 31 s: %v", err)
	}
	if err := keyringtest.Verify(t, token, k.Published()); err != nil || string(k.Published()) != string(published) {
		t.Errorf("the last keys are not published any more: %v", err)
	}
	if _, err := os.Stat(store.Path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file was made: %v", err)
	}
}

func TestRefresh_keepsWhatItHasWhenTheStoreIsGarbled(t *testing.T) {
	t.Parallel()
	store, c := keyring.File{Path: filepath.Join(t.TempDir(), "ring.json")}, newClock()
	k := mustOpen(t, store, c, "ES256")
	if err := os.WriteFile(store.Path, []byte(`{"format":1,"keys":[{`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Refresh(t.Context()); codeOf(err) != "keys-odd" {
		t.Errorf("refreshing: %v", err)
	}
	keyringtest.Sign(t, k, "ES256")
}

// A slow store has a service sign for no longer: what counts is when it was
// asked, for its answer is of no later time.
func TestRefresh_countsFromTheQuestion(t *testing.T) {
	t.Parallel()
	c := newClock()
	slow := &slowStore{clock: c}
	k := mustOpen(t, slow, c, "ES256")
	slow.takes = 9 * time.Second
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Pass(21 * time.Second)
	keyringtest.Sign(t, k, "ES256")
	c.Pass(time.Second)
	if _, err := k.Sign(t.Context(), "ES256", nil); !errors.Is(err, keyring.ErrAway) {
		t.Errorf("31 s after the store was asked: %v", err)
	}
}

// A slowStore answers late, with what it had when it was asked.
type slowStore struct {
	keyring.Memory
	clock *keyringtest.Clock
	takes time.Duration
}

func (s *slowStore) Load(ctx context.Context) ([]byte, string, error) {
	document, version, err := s.Memory.Load(ctx)
	s.clock.Pass(s.takes)
	return document, version, err
}

// Stored times are whole seconds. One that was earlier than the truth would
// have a key sign, or vanish, too soon.
func TestRotate_isStoredAsNoEarlierThanItIs(t *testing.T) {
	t.Parallel()
	c := newClock()
	c.Pass(700 * time.Millisecond)
	k := mustOpen(t, &keyring.Memory{}, c, "ES256")
	mustRotate(t, k, keyring.Rotation{Force: true})
	mustRefresh(t, k)
	for _, key := range k.Ring().Keys {
		for _, at := range []time.Time{key.Created, key.Activated, key.Retired, key.Seen} {
			if late := at.Sub(c.Now()); !at.IsZero() && (late < 0 || late >= time.Second || at.Nanosecond() != 0) {
				t.Errorf("%v is stored at %v", at, c.Now())
			}
		}
	}
}

func TestRun_endsWithItsContext(t *testing.T) {
	t.Parallel()
	k := mustOpen(t, &keyring.Memory{}, newClock(), "ES256")
	k.Timing.Refresh = time.Millisecond
	other := keeper(k.Store, newClock(), "ES256")
	mustRotate(t, other, keyring.Rotation{Force: true})
	done := make(chan struct{})
	go func() { k.Run(t.Context()); close(done) }()
	t.Cleanup(func() { <-done }) // the test's context ends just before
	for len(k.Ring().Keys) != 3 {
		time.Sleep(time.Millisecond)
	}
}

func TestTiming_refusesTimesThatRefuseGoodTokens(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(*keyring.Timing)
		want  string
	}{
		"good":                        {func(t *keyring.Timing) {}, ""},
		"a given overlap":             {func(t *keyring.Timing) { t.Overlap = 6 * time.Minute }, ""},
		"a short overlap":             {func(t *keyring.Timing) { t.Overlap = 6*time.Minute - 1 }, "overlap"},
		"no skew":                     {func(t *keyring.Timing) { t.Skew = 0 }, "skew"},
		"replicas that hear too late": {func(t *keyring.Timing) { t.Refresh = 15*time.Second + 1 }, "skew"},
		"no pause":                    {func(t *keyring.Timing) { t.Refresh = 0 }, "refresh"},
		"replicas that just hear":     {func(t *keyring.Timing) { t.Refresh = 15 * time.Second }, ""},
		"keys that change often":      {func(t *keyring.Timing) { t.Every = 6 * time.Minute }, ""},
		"keys that change too often":  {func(t *keyring.Timing) { t.Every = 6*time.Minute - 1 }, "every"},
		"keys that are kept longer":   {func(t *keyring.Timing) { t.CacheFor, t.Every = 10*time.Minute, 11*time.Minute-1 }, "every"},
	} {
		changed := timing
		c.spoil(&changed)
		err := changed.Check()
		p, _ := errors.AsType[*diag.Problem](err)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (p == nil || p.Facts[0].Name != "signingKey.rotation."+c.want):
			t.Errorf("%s: %v, want a problem with %s", name, err, c.want)
		}
		if err := (&keyring.Keeper{Store: &keyring.Memory{}, Algorithms: []string{"ES256"}, Timing: changed}).Open(t.Context()); (err == nil) != (c.want == "") {
			t.Errorf("%s: opening: %v", name, err)
		}
	}
}
