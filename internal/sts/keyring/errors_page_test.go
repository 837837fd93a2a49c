package keyring_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/x509"
	"os"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	unsafe, garbled := keyring.File{Path: "signing-key.json"}, keyring.File{Path: "garbled.json"}
	c := newClock()
	known := keeper(&keyring.Memory{}, c, "EdDSA")
	known.Vault = &seeds{}
	if err := known.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustRefresh(t, known)
	c.Pass(2 * time.Minute)
	_, tooNew := known.Rotate(t.Context(), keyring.Rotation{})
	_, gone := keeper(&keyring.Memory{}, c).Read(t.Context())

	diagtest.Samples(t, "sts/keyring",
		in(t, unsafe, "{}", 0o644),
		in(t, garbled, `{"format":2}`, 0o600),
		gone, tooNew,
	)
}

// in opens a store whose file, in a directory of its own, has this content.
func in(t *testing.T, store keyring.File, content string, mode os.FileMode) error {
	t.Helper()
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile(store.Path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	err = keeper(store, newClock(), "ES256").Open(t.Context())
	t.Chdir(before)
	return err
}

// seeds is a vault whose keys are always the same: an ID stands in a problem.
type seeds struct {
	keyring.Local
	made byte
}

func (s *seeds) Make(context.Context, string) (crypto.PublicKey, keyring.Private, error) {
	s.made++
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{s.made}, ed25519.SeedSize))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return key.Public(), keyring.Private{PKCS8: der}, err
}
