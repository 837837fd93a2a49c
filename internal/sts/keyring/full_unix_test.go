//go:build unix

package keyring_test

import (
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"golang.org/x/sys/unix"
)

const noRoom = "KEYRING_TEST_NO_ROOM"

// A disk becomes full in the middle of a ring. It is a limit of this test's own
// process here: a write that goes over it is done in part.
func TestFile_staysWhenThereIsNoRoomForTheNextOne(t *testing.T) {
	if path := os.Getenv(noRoom); path != "" {
		swapWithoutRoom(t, path)
		return
	}
	store := keyring.File{Path: filepath.Join(t.TempDir(), "ring.json")}
	mustOpen(t, store, newClock(), "ES256")
	before, err := os.ReadFile(store.Path)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), noRoom+"="+store.Path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if after, err := os.ReadFile(store.Path); string(after) != string(before) {
		t.Errorf("the keys were replaced by %d bytes of others, %v", len(after), err)
	}
}

func swapWithoutRoom(t *testing.T, path string) {
	t.Helper()
	signal.Ignore(syscall.SIGXFSZ)
	store := keyring.File{Path: path}
	_, version, err := store.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1000, Max: 1000}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Swap(t.Context(), version, []byte(strings.Repeat("x", 2000))); !errors.Is(err, syscall.EFBIG) {
		t.Errorf("a write that is too long: %v", err)
	}
}
