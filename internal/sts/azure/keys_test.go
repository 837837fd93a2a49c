package azure_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/azure/vaulttest"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/keyring/keyringtest"
)

// algorithms are those of a vault's keys.
var algorithms = []string{"RS256", "ES256", "ES384", "ES512"}

// pkcs8 is a key that is in the ring itself.
func pkcs8(t *testing.T, private keyring.Private) crypto.PrivateKey {
	t.Helper()
	key, err := x509.ParsePKCS8PrivateKey(private.PKCS8)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestKeys_areAVault(t *testing.T) {
	t.Parallel()
	keyringtest.Vault(t, mustKeys(t, vaulttest.Start(t)), algorithms...)
}

func TestKeys_mayBeInHardware(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	keys := mustKeys(t, v)
	keys.Hardware = true
	keyringtest.Vault(t, keys, "RS256", "ES384")
	for name, want := range map[string]string{"sts-rs256": "RSA-HSM", "sts-es384": "EC-HSM"} {
		if got := v.Keys(name); len(got) == 0 || got[0] != want || got[1] != want {
			t.Errorf("%s is %v, want %s", name, got, want)
		}
	}
}

func TestKeys_haveNoneForEdDSA(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	_, _, err := mustKeys(t, v).Make(t.Context(), "EdDSA")
	if p := diag.As(err); !p.Input || !strings.Contains(p.Hint, "RS256") || strings.Contains(p.Hint, "EdDSA") {
		t.Errorf("%v", err)
	}
	if n := v.Asked("keys/create"); n != 0 {
		t.Errorf("the vault was asked for %d keys", n)
	}
}

// The ring is in a file, and has names of keys alone.
func TestKeys_signInTheVaultAndStayThere(t *testing.T) {
	t.Parallel()
	v, c := vaulttest.Start(t), newClock()
	path := filepath.Join(t.TempDir(), "ring.json")
	k := keeper(keyring.File{Path: path}, mustKeys(t, v), c, algorithms...)
	mustOpen(t, k)
	before := map[string]string{}
	for _, algorithm := range algorithms {
		before[algorithm] = keyringtest.Sign(t, k, algorithm)
	}
	wantVerified(t, k, before)
	if err := k.Prove(t.Context()); err != nil {
		t.Error(err)
	}
	document, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(document, []byte("pkcs8")) || bytes.Contains(document, []byte(`"d"`)) || !bytes.Contains(document, []byte(`"name": "sts-es256/`)) {
		t.Errorf("the file has more than names: %s", document)
	}

	mustRefresh(t, k)
	c.Pass(6 * time.Minute)
	if _, err := k.Rotate(t.Context(), keyring.Rotation{}); err != nil {
		t.Fatal(err)
	}
	mustRefresh(t, k)
	after := map[string]string{}
	for _, algorithm := range algorithms {
		after[algorithm] = keyringtest.Sign(t, k, algorithm)
		if n := len(v.Keys("sts-" + strings.ToLower(algorithm))); n != 3 { // active, next, retiring
			t.Errorf("%s has %d versions", algorithm, n)
		}
	}
	wantVerified(t, k, before, after)
	if n := len(v.Keys("sts")); n != 0 {
		t.Errorf("a key was made under the name that tsiam's has, %d times", n)
	}
	c.Pass(6*time.Minute + time.Second)
	if err := k.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	for algorithm, token := range before {
		if err := keyringtest.Verify(t, token, k.Published()); err == nil {
			t.Errorf("%s: a token of a key that is retired for good verifies", algorithm)
		}
	}
	wantVerified(t, k, after)
}

func wantVerified(t *testing.T, k *keyring.Keeper, all ...map[string]string) {
	t.Helper()
	for _, tokens := range all {
		for algorithm, token := range tokens {
			if err := keyringtest.Verify(t, token, k.Published()); err != nil {
				t.Errorf("%s: %v", algorithm, err)
			}
			changed := []byte(token)
			changed[len(changed)/2] ^= 1
			if keyringtest.Verify(t, string(changed), k.Published()) == nil {
				t.Errorf("%s: a changed token verifies", algorithm)
			}
		}
	}
}

// The ring as a secret beside the keys: what several replicas share.
func TestKeys_areSharedByReplicas(t *testing.T) {
	t.Parallel()
	v, c := vaulttest.Start(t), newClock()
	keepers := make([]*keyring.Keeper, 3)
	var all sync.WaitGroup
	for i := range keepers {
		keepers[i] = keeper(mustSecret(t, v), mustKeys(t, v), c, "ES256")
		all.Go(func() { mustOpen(t, keepers[i]) })
	}
	all.Wait()
	for _, signs := range keepers {
		for _, publishes := range keepers {
			if err := keyringtest.Verify(t, keyringtest.Sign(t, signs, "ES256"), publishes.Published()); err != nil {
				t.Error(err)
			}
		}
	}
	for _, document := range v.Secrets(ring) {
		if strings.Contains(document, "pkcs8") {
			t.Error("the secret has a private key")
		}
	}
}

func TestKeys_overcomeWhatPassesAndExplainTheRest(t *testing.T) {
	t.Parallel()
	t.Run("keys/create", func(t *testing.T) {
		t.Parallel()
		v := vaulttest.Start(t)
		keys := mustKeys(t, v)
		check(t, v, "keys/create", func() error { _, _, err := keys.Make(t.Context(), "ES256"); return err })
	})
	t.Run("keys/sign", func(t *testing.T) {
		t.Parallel()
		v := vaulttest.Start(t)
		k := keeper(&keyring.Memory{}, mustKeys(t, v), newClock(), "ES256")
		mustOpen(t, k)
		published := string(k.Published())
		check(t, v, "keys/sign", func() error {
			_, err := k.Sign(t.Context(), "ES256", nil)
			if string(k.Published()) != published || k.Fresh() != nil {
				t.Error("the keys are not published any more")
			}
			return err
		})
	})
}

func TestKeys_thatCannotBeUsedAreNamed(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	store := &keyring.Memory{}
	k := keeper(store, mustKeys(t, v), newClock(), "ES256")
	mustOpen(t, k)
	name := k.Ring().Keys[0].Private.Name
	v.DisableKey(name)
	_, version, _ := strings.Cut(name, "/")
	_, err := k.Sign(t.Context(), "ES256", nil)
	if codeOf(err) != "vault-odd" || errors.Is(err, keyring.ErrAway) || !strings.Contains(diag.As(err).Text(), version) {
		t.Errorf("a version that is disabled: %v", err)
	}
	if err := keeper(store, mustKeys(t, v), newClock(), "ES256").Open(t.Context()); codeOf(err) != "vault-odd" {
		t.Errorf("opening: %v", err)
	}
	v.EnableKey(name)
	keyringtest.Sign(t, k, "ES256")

	other := vaulttest.Start(t)
	if err := keeper(store, mustKeys(t, other), newClock(), "ES256").Open(t.Context()); codeOf(err) != "vault-odd" {
		t.Errorf("keys of another vault: %v", err)
	}
	if err := keeper(store, nil, newClock(), "ES256").Open(t.Context()); codeOf(err) != "keys-odd" {
		t.Errorf("a ring of keys in a vault, without it: %v", err)
	}
	local := &keyring.Memory{}
	mustOpen(t, keeper(local, nil, newClock(), "ES256"))
	if err := keeper(local, mustKeys(t, v), newClock(), "ES256").Open(t.Context()); codeOf(err) != "keys-odd" {
		t.Errorf("a ring with keys of its own, with a vault: %v", err)
	}
}

// Nobody waits for another's signature, neither who signs nor who rotates.
func TestKeys_areUsedAtOnce(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	k := keeper(&keyring.Memory{}, mustKeys(t, v), newClock(), "ES256")
	mustOpen(t, k)
	const slow, many = 200 * time.Millisecond, 60
	var under, most atomic.Int64
	v.Disrupt(func(operation string) vaulttest.Disruption {
		if operation != "keys/sign" {
			return vaulttest.Disruption{}
		}
		n := under.Add(1)
		time.AfterFunc(slow, func() { under.Add(-1) })
		for was := most.Load(); n > was && !most.CompareAndSwap(was, n); was = most.Load() {
		}
		return vaulttest.Disruption{Before: slow}
	})
	began := time.Now()
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			if _, err := k.Sign(t.Context(), "ES256", nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	t.Logf("%d signatures of %v each took %v, up to %d at once", many, slow, time.Since(began), most.Load())
	if most.Load() < many/2 {
		t.Errorf("no more than %d were made at once", most.Load())
	}
}

func TestSign_endsWithItsContextAndHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	k := keeper(&keyring.Memory{}, mustKeys(t, v), newClock(), "ES256")
	mustOpen(t, k)
	v.Disrupt(times(1, "keys/sign", vaulttest.Disruption{Before: time.Hour}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	hangs := make(chan error)
	go func() { _, err := k.Sign(ctx, "ES256", nil); hangs <- err }()
	for v.Asked("keys/sign") < 2 { // the first has proved the key
		time.Sleep(time.Millisecond)
	}
	keyringtest.Sign(t, k, "ES256")
	if _, err := k.Rotate(t.Context(), keyring.Rotation{Force: true}); err != nil {
		t.Error(err)
	}
	if ctx.Err() != nil {
		t.Error("that took as long as the one that hangs")
	}
	if err := <-hangs; !errors.Is(err, keyring.ErrAway) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the one that hangs: %v", err)
	}
}

// A vault that never answers costs who waits for a token some seconds, however
// long they would wait.
func TestSign_givesUp(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	k := keeper(&keyring.Memory{}, mustKeys(t, v), newClock(), "ES256")
	mustOpen(t, k)
	v.Disrupt(func(string) vaulttest.Disruption { return vaulttest.Disruption{Before: time.Hour} })
	began := time.Now()
	_, err := k.Sign(t.Context(), "ES256", nil)
	if took := time.Since(began); !errors.Is(err, keyring.ErrAway) || took < 4*time.Second || took > 10*time.Second {
		t.Errorf("after %v: %v", took, err)
	}
}

// What the vault costs beside its own work: a request over TLS.
func BenchmarkSign(b *testing.B) {
	v := vaulttest.Start(b)
	k := keeper(&keyring.Memory{}, mustKeys(b, v), newClock(), "ES256")
	mustOpen(b, k)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if _, err := k.Sign(b.Context(), "ES256", nil); err != nil {
				b.Error(err)
			}
		}
	})
}
