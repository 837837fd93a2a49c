package replace_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/tailjoin/tailjoin/internal/replace"
)

func TestFile_keepsModeAndLink(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows knows no modes")
	}
	dir := t.TempDir()
	path, link := filepath.Join(dir, "policy.hujson"), filepath.Join(dir, "link")
	if err := os.WriteFile(path, []byte("a longer old text"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(path) // of somebody who was there before
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := replace.File(link, []byte("new")); err != nil {
		t.Fatal(err)
	}
	wantFile(t, path, "new", 0o640)
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link is %v now (%v)", info.Mode(), err)
	}
	old := make([]byte, 64)
	if n, _ := reader.Read(old); string(old[:n]) != "a longer old text" {
		t.Errorf("who had it open reads %q", old[:n])
	}
	wantEntries(t, dir, 2)
}

func TestFile_makesWhatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	if err := replace.File(filepath.Join(dir, "new"), []byte("text")); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(dir, "new"), "text", 0o644)
	if err := replace.File(filepath.Join(dir, "none", "new"), nil); err == nil {
		t.Error("a directory was made, too")
	}
	// A directory cannot be replaced by a file.
	if err := os.MkdirAll(filepath.Join(dir, "sub", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := replace.File(filepath.Join(dir, "sub"), nil); err == nil {
		t.Error("a directory was replaced")
	}
	wantEntries(t, dir, 2)
}

func wantFile(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil || string(raw) != content {
		t.Errorf("%s holds %q (%v), want %q", path, raw, err, content)
	}
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
		t.Errorf("%s has mode %v (%v), want %v", path, info.Mode(), err, mode)
	}
}

func wantEntries(t *testing.T, dir string, want int) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != want {
		t.Errorf("there are %v (%v), want %d", entries, err, want)
	}
}
