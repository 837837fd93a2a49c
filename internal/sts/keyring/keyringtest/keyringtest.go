// Package keyringtest is what every store and every vault of keys has to do.
package keyringtest

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// Store wants an empty store, and leaves something in it.
func Store(t *testing.T, store keyring.Store) {
	t.Helper()
	if _, _, err := store.Load(t.Context()); !errors.Is(err, keyring.ErrNone) {
		t.Errorf("an empty store: %v", err)
	}
	if _, err := store.Swap(t.Context(), "7", []byte("a")); !errors.Is(err, keyring.ErrChanged) {
		t.Errorf("replacing what is not there: %v", err)
	}
	first, err := store.Swap(t.Context(), "", []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Swap(t.Context(), "", []byte("b")); !errors.Is(err, keyring.ErrChanged) {
		t.Errorf("making what is there: %v", err)
	}
	second, err := store.Swap(t.Context(), first, []byte("b"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Swap(t.Context(), first, []byte("c")); !errors.Is(err, keyring.ErrChanged) {
		t.Errorf("replacing what was replaced: %v", err)
	}
	got, version, err := store.Load(t.Context())
	if string(got) != "b" || version != second || err != nil {
		t.Errorf("it has %q, version %q, %v; want b, %q", got, version, err, second)
	}
}

// Vault wants a vault that has keys for these algorithms, and no others.
func Vault(t *testing.T, vault keyring.Vault, algorithms ...string) {
	t.Helper()
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) { signs(t, vault, algorithm) })
	}
	for _, algorithm := range []string{"HS256", "none", ""} {
		if _, _, err := vault.Make(t.Context(), algorithm); err == nil {
			t.Errorf("it made a key for %q", algorithm)
		}
	}
	if _, err := vault.Open(t.Context(), algorithms[0], keyring.Private{}); err == nil {
		t.Error("it opened no key at all")
	}
}

func signs(t *testing.T, vault keyring.Vault, algorithm string) {
	t.Helper()
	one, private := mustMake(t, vault, algorithm)
	other, _ := mustMake(t, vault, algorithm)
	signer, err := vault.Open(t.Context(), algorithm, private)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign(t.Context(), []byte("a.b"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		input  string
		public crypto.PublicKey
		good   bool
	}{
		"with its public half":    {"a.b", one, true},
		"of something else":       {"a.c", one, false},
		"with that of a next key": {"a.b", other, false},
	} {
		if err := jwt.GetSigningMethod(algorithm).Verify(c.input, signature, c.public); (err == nil) != c.good {
			t.Errorf("a signature %s: %v", name, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := signer.Sign(ended, []byte("a.b")); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("when nobody waits for it any more: %v", err)
	}
	if printed := fmt.Sprintf("%v %+v %#v", private, private, private); private.PKCS8 != nil && printed != "[redacted] [redacted] [redacted]" {
		t.Errorf("it prints: %s", printed)
	}
}

func mustMake(t *testing.T, vault keyring.Vault, algorithm string) (crypto.PublicKey, keyring.Private) {
	t.Helper()
	public, private, err := vault.Make(t.Context(), algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}
