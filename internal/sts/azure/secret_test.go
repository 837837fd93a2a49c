package azure_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/azure"
	"github.com/tailjoin/tailjoin/internal/sts/azure/vaulttest"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/keyring/keyringtest"
)

func TestSecret_isAStore(t *testing.T) {
	t.Parallel()
	keyringtest.Store(t, mustSecret(t, vaulttest.Start(t)))
}

// Several write at once, and see what others wrote only a while later. One of
// them wins, and all know it.
func TestSecret_severalAtOnceAgree(t *testing.T) {
	t.Parallel()
	for name, parallel := range map[string]bool{"a vault that takes all": false, "a vault that takes one at a time": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := vaulttest.Start(t)
			v.Lag(700 * time.Millisecond) // less than a second, in which they believe
			writing := make(chan bool, 1)
			v.Disrupt(func(operation string) vaulttest.Disruption {
				d := vaulttest.Disruption{Before: rand.N(300 * time.Millisecond), After: rand.N(300 * time.Millisecond)}
				if parallel && operation == "secrets/set" {
					select {
					case writing <- true:
						time.AfterFunc(d.Before+d.After, func() { <-writing })
					default:
						d.Status = 409
					}
				}
				return d
			})
			keepers := make([]*keyring.Keeper, 6)
			var all sync.WaitGroup
			for i := range keepers {
				keepers[i] = keeper(mustSecret(t, v), nil, newClock(), "ES256")
				all.Go(func() { mustOpen(t, keepers[i]) })
			}
			all.Wait()
			written := len(v.Secrets(ring))
			for _, k := range keepers[1:] {
				if d := cmp.Diff(keepers[0].Ring(), k.Ring()); d != "" {
					t.Errorf("two have different rings:\n%s", d)
				}
			}
			t.Logf("%d of %d wrote", written, len(keepers))
			if !parallel && written < 2 {
				t.Error("no two wrote at once: this test shows nothing")
			}
		})
	}
}

// The same race, again and again: of many who replace a version one does.
func TestSecret_oneOfManySwapsWins(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	v.Lag(500 * time.Millisecond)
	v.Disrupt(func(string) vaulttest.Disruption {
		return vaulttest.Disruption{Before: rand.N(900 * time.Millisecond), After: rand.N(100 * time.Millisecond)}
	})
	version := ""
	for round := range 2 {
		type result struct{ document, version string }
		won := make(chan result, 8)
		var all sync.WaitGroup
		for i := range 8 {
			store, document := mustSecret(t, v), fmt.Sprintf("%d of round %d", i, round)
			all.Go(func() {
				now, err := store.Swap(t.Context(), version, []byte(document))
				if err == nil {
					won <- result{document, now}
				} else if !errors.Is(err, keyring.ErrChanged) {
					t.Error(err)
				}
			})
		}
		all.Wait()
		close(won)
		if len(won) != 1 {
			t.Fatalf("round %d: %d have won", round, len(won))
		}
		winner := <-won
		got, now, err := mustSecret(t, v).Load(t.Context())
		if string(got) != winner.document || now != winner.version || err != nil {
			t.Fatalf("round %d: it has %q, version %q, %v; and %+v won", round, got, now, err, winner)
		}
		version = now
	}
}

// Whoever wrote a version may not see it at once, either.
func TestSecret_waitsForWhatItWrote(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	v.Lag(1500 * time.Millisecond)
	store := mustSecret(t, v)
	store.Settle = 2 * time.Second
	first, err := store.Swap(t.Context(), "", []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Swap(t.Context(), first, []byte("b")); err != nil {
		t.Error(err)
	}
}

func TestSecret_isWrittenOnceIfAnAnswerIsLost(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	v.Disrupt(once("secrets/set", vaulttest.Disruption{Status: 500, Done: true}))
	store := alone(t, v)
	version, err := store.Swap(t.Context(), "", []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(v.Secrets(ring)); n != 2 {
		t.Errorf("there are %d versions, so this test shows nothing", n)
	}
	if _, now, err := store.Load(t.Context()); now != version || err != nil {
		t.Errorf("version %q, %v; want %q", now, err, version)
	}
	if _, err := store.Swap(t.Context(), version, []byte("b")); err != nil {
		t.Errorf("the next one: %v", err)
	}
}

func TestSecret_overcomesWhatPassesAndExplainsTheRest(t *testing.T) {
	t.Parallel()
	for _, operation := range []string{"secrets/list", "secrets/get"} {
		t.Run(operation, func(t *testing.T) {
			t.Parallel()
			v := vaulttest.Start(t)
			v.PutSecret(ring, "a")
			store := alone(t, v)
			check(t, v, operation, func() error { _, _, err := store.Load(t.Context()); return err })
		})
	}
	t.Run("secrets/set", func(t *testing.T) {
		t.Parallel()
		v := vaulttest.Start(t)
		version := v.PutSecret(ring, "a")
		store := alone(t, v)
		check(t, v, "secrets/set", func() error {
			now, err := store.Swap(t.Context(), version, []byte("b"))
			if err == nil {
				version = now
			}
			return err
		})
	})
}

func TestSecret_endsWithItsContext(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	v.PutSecret(ring, "a")
	for name, hang := range map[string]func(string) vaulttest.Disruption{
		"a vault that hangs":     func(string) vaulttest.Disruption { return vaulttest.Disruption{Before: time.Minute} },
		"a version that is new":  nil,
		"a vault that throttles": func(string) vaulttest.Disruption { return vaulttest.Disruption{Status: 429, RetryAfter: "2"} },
	} {
		v.Disrupt(hang)
		store := mustSecret(t, v)
		store.Settle = time.Hour
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		began := time.Now()
		_, _, err := store.Load(ctx)
		cancel()
		if took := time.Since(began); !errors.Is(err, keyring.ErrAway) || took > 2*time.Second {
			t.Errorf("%s: after %v: %v", name, took, err)
		}
	}
}

func TestSecret_isNotWhatItShouldBe(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	store := alone(t, v)
	version := v.PutSecret(ring, "a")

	v.DisableSecret(ring, version)
	if _, _, err := store.Load(t.Context()); codeOf(err) != "vault-odd" {
		t.Errorf("a version that is disabled: %v", err)
	}
	v.DeleteSecret(ring)
	if _, _, err := store.Load(t.Context()); !errors.Is(err, keyring.ErrNone) {
		t.Errorf("a secret that was deleted: %v", err)
	}
	if _, err := store.Swap(t.Context(), "", []byte("b")); codeOf(err) != "vault-odd" || !strings.Contains(diag.As(err).Text(), "recover") {
		t.Errorf("writing a secret that was deleted: %v", err)
	}
	v.RecoverSecret(ring)
	if _, err := store.Swap(t.Context(), version, []byte(strings.Repeat("x", 25601))); codeOf(err) != "vault-odd" {
		t.Errorf("a document that is too long: %v", err)
	}
}

func TestSecret_mayHaveManyVersions(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	for i := range 60 {
		v.PutSecret(ring, fmt.Sprint(i))
		if i == 58 {
			time.Sleep(time.Second) // the last one is the last by the vault's clock, too
		}
	}
	store := alone(t, v)
	got, version, err := store.Load(t.Context())
	if string(got) != "59" || err != nil {
		t.Fatalf("it has %q, %v", got, err)
	}
	if n := v.Asked("secrets/list"); n < 3 {
		t.Errorf("it asked for %d pages", n)
	}
	if _, err := store.Swap(t.Context(), version, []byte("60")); err != nil {
		t.Error(err)
	}
}

func TestSecret_takesOverTheKeyOfTsiam(t *testing.T) {
	t.Parallel()
	local, private, err := keyring.Local{}.Make(t.Context(), "ES256")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(jose.JSONWebKey{Key: pkcs8(t, private), KeyID: "as-it-was", Algorithm: "ES256"})
	if err != nil {
		t.Fatal(err)
	}
	v := vaulttest.Start(t)
	v.PutSecret(ring, string(raw))
	k := keeper(alone(t, v), nil, newClock(), "ES256")
	mustOpen(t, k)
	public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: local, KeyID: "as-it-was", Algorithm: "ES256"}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := keyringtest.Verify(t, keyringtest.Sign(t, k, "ES256"), public); err != nil {
		t.Errorf("by the key that tsiam published: %v", err)
	}
}

// Whoever puts a copy of the ring back, by other tools, is believed.
func TestSecret_isWhatSomebodyPutBack(t *testing.T) {
	t.Parallel()
	v, c := vaulttest.Start(t), newClock()
	k := keeper(alone(t, v), nil, c, "ES256")
	mustOpen(t, k)
	mustRefresh(t, k)
	first, copied := k.Ring(), v.Secrets(ring)[1]
	if _, err := k.Rotate(t.Context(), keyring.Rotation{Force: true}); err != nil {
		t.Fatal(err)
	}
	v.PutSecret(ring, copied)
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(first, k.Ring()); d != "" {
		t.Error(d)
	}
	if _, err := k.Rotate(t.Context(), keyring.Rotation{Force: true}); err != nil {
		t.Error(err)
	}
}

func TestSecret_thatIsLostIsNoReasonForNewKeys(t *testing.T) {
	t.Parallel()
	v, c := vaulttest.Start(t), newClock()
	k := keeper(alone(t, v), nil, c, "ES256")
	mustOpen(t, k)
	token, published := keyringtest.Sign(t, k, "ES256"), string(k.Published())
	for name, lose := range map[string]func(){"deleted": func() { v.DeleteSecret(ring) }, "away": v.Leave} {
		lose()
		if err := k.Refresh(t.Context()); err == nil {
			t.Errorf("%s: it was refreshed", name)
		}
		if _, err := k.Rotate(t.Context(), keyring.Rotation{Force: true}); err == nil {
			t.Errorf("%s: it was rotated", name)
		}
	}
	if n := len(v.Secrets(ring)); n != 1 {
		t.Errorf("there are %d versions", n)
	}
	keyringtest.Sign(t, k, "ES256")
	c.Pass(31 * time.Second)
	if _, err := k.Sign(t.Context(), "ES256", nil); !errors.Is(err, keyring.ErrAway) {
		t.Errorf("signing with keys that were not seen for long: %v", err)
	}
	if err := keyringtest.Verify(t, token, k.Published()); err != nil || string(k.Published()) != published {
		t.Errorf("the last keys are not published any more: %v", err)
	}
	v.Return()
	v.RecoverSecret(ring)
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	keyringtest.Sign(t, k, "ES256")
}

func TestNew_refusesWhatIsNoVault(t *testing.T) {
	for _, url := range []string{"", "x", "http://v.vault.azure.net", "https://", "https://v.vault.azure.net/secrets/x", "https://u:p@v.vault.azure.net", "https://v.vault.azure.net?x"} {
		if _, err := azure.NewSecret(azure.Connection{URL: url}, ring); codeOf(err) != "input-invalid" {
			t.Errorf("%q: %v", url, err)
		}
		if _, err := azure.NewKeys(azure.Connection{URL: url}, ring); codeOf(err) != "input-invalid" {
			t.Errorf("%q for keys: %v", url, err)
		}
	}
}
