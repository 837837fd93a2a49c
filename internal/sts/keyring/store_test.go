package keyring_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/keyring/keyringtest"
)

func TestStores_swapOnlyWhatTheCallerSaw(t *testing.T) {
	for name, store := range map[string]keyring.Store{
		"memory": &keyring.Memory{},
		"file":   keyring.File{Path: filepath.Join(t.TempDir(), "keys", "ring.json")},
	} {
		t.Run(name, func(t *testing.T) { keyringtest.Store(t, store) })
	}
}

func TestLocal_isAVault(t *testing.T) {
	t.Parallel()
	keyringtest.Vault(t, keyring.Local{}, keyring.Algorithms()...)
}

// Another user who can choose what is at the place of the keys must not choose
// the keys.
func TestFile_isNotWhatAnotherUserPutThere(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	const nobody = 65534
	for name, spoil := range map[string]func(path string) error{
		"of another user": func(path string) error { return os.Chown(path, nobody, nobody) },
		"that is a link": func(path string) error {
			return errors.Join(os.Rename(path, path+".moved"), os.Symlink(path+".moved", path))
		},
		"that is a directory": func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) },
	} {
		for _, suffix := range []string{"", ".lock"} {
			store := keyring.File{Path: filepath.Join(t.TempDir(), "ring.json")}
			k := mustOpen(t, store, newClock(), "ES256")
			before, err := os.ReadFile(store.Path)
			if err != nil {
				t.Fatal(err)
			}
			if err := spoil(store.Path + suffix); err != nil {
				t.Fatal(err)
			}
			_, err = k.Rotate(t.Context(), keyring.Rotation{Force: true})
			if err == nil || suffix == "" && codeOf(err) != "keys-unsafe" {
				t.Errorf("a file %s%s: %v", name, suffix, err)
			}
			if after, err := os.ReadFile(store.Path); suffix != "" && (err != nil || string(after) != string(before)) {
				t.Errorf("a file %s%s: the keys were changed, %v", name, suffix, err)
			}
		}
	}
}

func TestFile_isForItsOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows knows no modes")
	}
	dir := filepath.Join(t.TempDir(), "keys")
	store := keyring.File{Path: filepath.Join(dir, "ring.json")}
	mustOpen(t, store, newClock(), "ES256")
	for path, want := range map[string]os.FileMode{dir: 0o700, store.Path: 0o600, store.Path + ".lock": 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", path, got, want)
		}
	}
	for _, mode := range []os.FileMode{0o640, 0o604, 0o620, 0o666} {
		if err := os.Chmod(store.Path, mode); err != nil {
			t.Fatal(err)
		}
		if err := keeper(store, newClock(), "ES256").Open(t.Context()); codeOf(err) != "keys-unsafe" {
			t.Errorf("mode %o: %v", mode, err)
		}
	}
}

func TestFile_survivesWhatAKilledProcessLeft(t *testing.T) {
	store := keyring.File{Path: filepath.Join(t.TempDir(), "ring.json")}
	if err := os.WriteFile(store.Path+".new", []byte("half a ri"), 0o644); err != nil {
		t.Fatal(err)
	}
	mustOpen(t, store, newClock(), "ES256")
	if _, err := os.Stat(store.Path + ".new"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestOpen_takesOverTheKeyOfTsiam(t *testing.T) {
	for algorithm, key := range private(t) {
		t.Run(algorithm, func(t *testing.T) {
			store, _ := stored(t, jose.JSONWebKey{Key: key, KeyID: "as-it-was", Algorithm: algorithm})
			k := mustOpen(t, store, newClock(), algorithm)
			token, err := k.Sign(t.Context(), algorithm, map[string]any{"sub": "n1"})
			if err != nil || token.KeyID != "as-it-was" {
				t.Fatalf("signed by %q, %v", token.KeyID, err)
			}
			public, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "as-it-was", Algorithm: algorithm}}})
			if err != nil {
				t.Fatal(err)
			}
			if err := keyringtest.Verify(t, token.Token.Reveal(), public); err != nil {
				t.Errorf("by the key that tsiam published: %v", err)
			}
			again := mustOpen(t, store, newClock(), algorithm)
			if d := cmp.Diff(k.Ring(), again.Ring()); d != "" {
				t.Errorf("after it was stored in our form:\n%s", d)
			}
		})
	}
}

func TestOpen_refusesAKeyThatIsNone(t *testing.T) {
	keys := private(t)
	other := private(t)["ES256"].(*ecdsa.PrivateKey)
	mixed := *keys["ES256"].(*ecdsa.PrivateKey)
	mixed.PublicKey = other.PublicKey
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]jose.JSONWebKey{
		"a public half":          {Key: keys["ES256"].Public(), KeyID: "k"},
		"halves of two keys":     {Key: &mixed, KeyID: "k"},
		"another algorithm":      {Key: keys["ES256"], KeyID: "k", Algorithm: "ES384"},
		"an algorithm not known": {Key: keys["RS256"], KeyID: "k", Algorithm: "PS256"},
		"a shared secret":        {Key: []byte("0123456789abcdef"), KeyID: "k"},
		"a weak one":             {Key: weak, KeyID: "k", Algorithm: "RS256"},
	} {
		store, raw := stored(t, key)
		if err := keeper(store, newClock(), "ES256").Open(t.Context()); codeOf(err) != "keys-odd" {
			t.Errorf("%s: %v", name, err)
		}
		if now, err := os.ReadFile(store.Path); string(now) != string(raw) {
			t.Errorf("%s: the file was changed: %v", name, err)
		}
	}
}

func TestOpen_refusesARingThatSomebodyElseWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring.json")
	store := keyring.File{Path: path}
	mustOpen(t, store, newClock(), "ES256")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ring := func() map[string]any {
		var r map[string]any
		if err := json.Unmarshal(good, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	key := func(r map[string]any, i int) map[string]any { return r["keys"].([]any)[i].(map[string]any) }
	for name, spoil := range map[string]func(r map[string]any){
		"of a later format":          func(r map[string]any) { r["format"] = 2 },
		"of two active keys":         func(r map[string]any) { key(r, 1)["activated"] = key(r, 0)["activated"] },
		"of one key twice":           func(r map[string]any) { r["keys"] = append(r["keys"].([]any), r["keys"].([]any)[0]) },
		"without a name":             func(r map[string]any) { key(r, 0)["kid"] = "" },
		"with another's name":        func(r map[string]any) { key(r, 0)["kid"] = "x" },
		"with another algorithm":     func(r map[string]any) { key(r, 0)["alg"] = "ES384" },
		"published with another one": func(r map[string]any) { key(r, 0)["public"].(map[string]any)["alg"] = "ES384" },
		"with a curve that is not it": func(r map[string]any) {
			key(r, 0)["alg"], key(r, 0)["public"].(map[string]any)["alg"] = "ES384", "ES384"
		},
		"published by another name":   func(r map[string]any) { key(r, 1)["public"].(map[string]any)["kid"] = "x" },
		"with another's private half": func(r map[string]any) { key(r, 0)["private"] = key(r, 1)["private"] },
		"without a private half":      func(r map[string]any) { delete(key(r, 0), "private") },
		"that is none":                func(r map[string]any) { r["keys"] = "x" },
	} {
		r := ring()
		spoil(r)
		raw, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := keeper(store, newClock(), "ES256").Open(t.Context()); codeOf(err) != "keys-odd" {
			t.Errorf("a ring %s: %v", name, err)
		}
	}
}

func TestRing_doesNotPrintItsPrivateKeys(t *testing.T) {
	ring := mustOpen(t, &keyring.Memory{}, newClock(), "ES256").Ring()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		printed := fmt.Sprintf(verb, ring)
		if !strings.Contains(printed, "[redacted]") || strings.Contains(printed, fmt.Sprintf(verb, ring.Keys[0].Private.PKCS8)) {
			t.Errorf("%s shows it: %s", verb, printed)
		}
	}
}

// private makes a private key for each algorithm.
func private(t *testing.T) map[string]crypto.Signer {
	t.Helper()
	keys := map[string]crypto.Signer{}
	for algorithm, curve := range map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[algorithm] = key
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys["RS256"], keys["EdDSA"] = rsaKey, edKey
	return keys
}

// stored is a key in a file as go-jose writes it.
func stored(t *testing.T, key jose.JSONWebKey) (keyring.File, []byte) {
	t.Helper()
	raw, err := json.Marshal(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "signing-key.json")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return keyring.File{Path: path}, raw
}
