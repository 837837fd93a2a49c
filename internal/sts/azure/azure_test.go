package azure_test

import (
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/sts/azure"
	"github.com/tailjoin/tailjoin/internal/sts/azure/vaulttest"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/keyring/keyringtest"
)

// These tests mostly wait, for a vault's clock or for a service that is away:
// on two cores no less than on many they wait together.
func TestMain(m *testing.M) {
	flag.Parse()
	flag.Set("test.parallel", "16")
	os.Exit(m.Run())
}

// to is a vault as its client knows it.
func to(v *vaulttest.Vault) azure.Connection {
	return azure.Connection{
		URL: vaulttest.URL, HTTP: v.Client,
		Identity: azure.Identity{TenantID: vaulttest.TenantID, ClientID: vaulttest.ClientID, Secret: secret.New(vaulttest.ClientSecret)},
	}
}

// ring is the name of the secret, and what the names of keys begin with.
const ring = "sts"

// mustSecret is a store that believes after a second what the vault lists.
func mustSecret(t *testing.T, v *vaulttest.Vault) *azure.Secret {
	t.Helper()
	s, err := azure.NewSecret(to(v), ring)
	if err != nil {
		t.Fatal(err)
	}
	s.Settle = time.Second
	return s
}

// alone is a store of which there is but one user at a time.
func alone(t *testing.T, v *vaulttest.Vault) *azure.Secret {
	t.Helper()
	s := mustSecret(t, v)
	s.Settle = -time.Second // nothing is waited for
	return s
}

func mustKeys(t testing.TB, v *vaulttest.Vault) *azure.Keys {
	t.Helper()
	k, err := azure.NewKeys(to(v), ring)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newClock() *keyringtest.Clock {
	return keyringtest.At(time.Date(2026, 8, 20, 2, 0, 0, 0, time.UTC))
}

func keeper(store keyring.Store, vault keyring.Vault, c *keyringtest.Clock, algorithms ...string) *keyring.Keeper {
	return &keyring.Keeper{
		Store: store, Vault: vault, Algorithms: algorithms, Now: c.Now,
		Timing: keyring.Timing{Lifetime: 5 * time.Minute, Skew: time.Minute, CacheFor: 5 * time.Minute, Refresh: 10 * time.Second},
		Log:    slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
}

func mustOpen(t testing.TB, k *keyring.Keeper) {
	t.Helper()
	if err := k.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// mustRefresh looks at the store.
func mustRefresh(t testing.TB, k *keyring.Keeper) {
	t.Helper()
	if err := k.Refresh(t.Context()); err != nil {
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

// once is f for the first time that an operation is asked for, then nothing.
func once(operation string, d vaulttest.Disruption) func(string) vaulttest.Disruption {
	return times(1, operation, d)
}

func times(n int, operation string, d vaulttest.Disruption) func(string) vaulttest.Disruption {
	var mu sync.Mutex
	return func(o string) vaulttest.Disruption {
		mu.Lock()
		defer mu.Unlock()
		if o != operation || n == 0 {
			return vaulttest.Disruption{}
		}
		n--
		return d
	}
}

// A trouble is what may happen to one operation, and what is then said.
type trouble struct {
	name  string
	make  func(v *vaulttest.Vault, operation string)
	code  string // "" if it is overcome
	away  bool   // it may pass by itself
	quick bool   // nobody waits for it to pass
}

func troubles() []trouble {
	answer := func(n int, d vaulttest.Disruption) func(*vaulttest.Vault, string) {
		return func(v *vaulttest.Vault, operation string) { v.Disrupt(times(n, operation, d)) }
	}
	const always = -1
	return []trouble{
		{name: "nothing", make: answer(0, vaulttest.Disruption{})},
		{name: "500 once", make: answer(1, vaulttest.Disruption{Status: 500})},
		{name: "503 twice", make: answer(2, vaulttest.Disruption{Status: 503})},
		{name: "500 always", make: answer(always, vaulttest.Disruption{Status: 500}), code: "vault-away", away: true},
		{name: "throttled for a second", make: answer(1, vaulttest.Disruption{Status: 429, RetryAfter: "1"})},
		{name: "throttled for a minute", make: answer(always, vaulttest.Disruption{Status: 429, RetryAfter: "60"}), code: "vault-away", away: true, quick: true},
		{name: "a token that is good no more", make: func(v *vaulttest.Vault, _ string) { v.ForgetTokens() }},
		{name: "forbidden", make: func(v *vaulttest.Vault, operation string) { v.Forbid(operation) }, code: "vault-refused", quick: true},
		{name: "nobody there", make: func(v *vaulttest.Vault, _ string) { v.Leave() }, code: "vault-away", away: true},
		{name: "nobody at Entra ID", code: "vault-away", away: true, make: func(v *vaulttest.Vault, _ string) {
			v.ForgetTokens()
			v.Disrupt(times(always, "login", vaulttest.Disruption{Status: 503}))
		}},
	}
}

// check has every trouble happen to an operation, and compares what do says.
func check(t *testing.T, v *vaulttest.Vault, operation string, do func() error) {
	t.Helper()
	for _, c := range troubles() {
		c.make(v, operation)
		began := time.Now()
		err := do()
		if codeOf(err) != c.code || errors.Is(err, keyring.ErrAway) != c.away || (err == nil) != (c.code == "") {
			t.Errorf("%s, %s: %v", operation, c.name, err)
		}
		if took := time.Since(began); c.quick && took > 2*time.Second {
			t.Errorf("%s, %s: it took %v", operation, c.name, took)
		}
		v.Disrupt(nil)
		v.Permit()
		v.Return()
		if err := do(); err != nil {
			t.Errorf("%s, %s, after it: %v", operation, c.name, err)
		}
	}
}
