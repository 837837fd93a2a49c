package keyring_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// rotating is the variable by which this program is one that rotates the keys
// of a file until it is killed.
const rotating = "KEYRING_TEST_ROTATE"

func TestMain(m *testing.M) {
	if path := os.Getenv(rotating); path != "" {
		fmt.Fprintln(os.Stderr, rotate(context.Background(), keyring.File{Path: path}))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// rotate prints which key signs, each time that was made sure of.
func rotate(ctx context.Context, store keyring.Store) error {
	k := keeper(store, &clock{at: time.Now()}, "ES256")
	if err := k.Open(ctx); err != nil {
		return err
	}
	for {
		ring, err := k.Rotate(ctx, keyring.Rotation{Force: true})
		if err != nil {
			return err
		}
		fmt.Println(signs(ring).ID)
	}
}

func signs(r keyring.Ring) keyring.Key {
	i := slices.IndexFunc(r.Keys, func(k keyring.Key) bool { return k.State() == keyring.Active })
	if i < 0 {
		return keyring.Key{}
	}
	return r.Keys[i]
}

// A process is killed at a random moment 200 times while it writes keys.
func TestFile_losesNothingWhenItsWriterIsKilled(t *testing.T) {
	kills := 200
	if testing.Short() {
		kills = 20
	}
	store := keyring.File{Path: filepath.Join(t.TempDir(), "ring.json")}
	written, left := 0, 0
	for range kills {
		last, n := rotateAndKill(t, store.Path)
		written += n
		if _, err := os.Stat(store.Path + ".new"); err == nil {
			left++
		}
		if n == 0 {
			continue
		}
		ring, err := keeper(store, &clock{at: time.Now()}).Read(t.Context())
		if err != nil {
			t.Fatalf("after a kill: %v", err)
		}
		if !slices.ContainsFunc(ring.Keys, func(k keyring.Key) bool { return k.ID == last }) {
			t.Fatalf("the key %s is lost that signed before the kill", last)
		}
		if signs(ring).ID == "" {
			t.Fatal("after a kill no key signs")
		}
	}
	t.Logf("%d kills, %d of them in the middle of a write, among %d rotations", kills, left, written)
	if written < kills {
		t.Errorf("only %d rotations in %d lives", written, kills)
	}
}

// rotateAndKill returns the last key that the process said signs, and how many
// it said.
func rotateAndKill(t *testing.T, path string) (last string, n int) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), rotating+"="+path)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() { // the kill is so long after the first
		if last, n = lines.Text(), n+1; n == 1 {
			time.AfterFunc(rand.N(10*time.Millisecond), func() { cmd.Process.Kill() })
		}
	}
	cmd.Wait() // it was killed
	return last, n
}
