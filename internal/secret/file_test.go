package secret_test

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tailjoin/tailjoin/internal/secret"
)

func TestWriteFile_isForItsOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows knows no modes, and replaces no file that is open")
	}
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("an older and longer one"), 0o644); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(path) // of somebody who was there before
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()

	if err := secret.New("new").WriteFile(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if mode := info.Mode().Perm(); mode != 0o600 {
		t.Errorf("mode %v, want 0600", mode)
	}
	if got, err := os.ReadFile(path); string(got) != "new" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	if before, err := reader.Stat(); err != nil || os.SameFile(before, info) {
		t.Errorf("the secret is in the file that somebody has open (%v)", err)
	}
	wantFiles(t, filepath.Dir(path), "token")
}

func TestWriteFile_replacesNothingButAFile(t *testing.T) {
	dir := t.TempDir()
	target, link, sub := filepath.Join(dir, "target"), filepath.Join(dir, "link"), filepath.Join(dir, "sub")
	if err := os.WriteFile(target, []byte("kept"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Skip("no symbolic links here:", err)
	}
	socket := filepath.Join(dir, "socket") // not a device of the machine: the code may be wrong
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, path := range []string{link, sub, socket, filepath.Join(dir, "no", "such", "directory")} {
		if err := secret.New("s").WriteFile(path); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	if got, err := os.ReadFile(link); string(got) != "kept" {
		t.Errorf("the link leads to %q, %v", got, err)
	}
	wantFiles(t, dir, "link", "socket", "sub", "target")
}

func wantFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if len(got) != len(want) {
		t.Errorf("the directory has %v, want %v", got, want)
	}
}
