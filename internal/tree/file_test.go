package tree_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/tree"
)

const most = 1000

// newRepository is a current directory in a repository, beside what a pull
// request must not reach.
func newRepository(t *testing.T) (repository, outside string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("links need a right on Windows")
	}
	dir := t.TempDir()
	repository, outside = filepath.Join(dir, "repository"), filepath.Join(dir, "outside")
	for _, d := range []string{"repository/.git", "repository/sub", "outside/.git"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(outside, "secret"), "hunter2")
	write(t, filepath.Join(repository, "file"), "text")
	t.Chdir(filepath.Join(repository, "sub"))
	return repository, outside
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, to, at string) {
	t.Helper()
	if err := os.Symlink(to, at); err != nil {
		t.Fatal(err)
	}
}

func at(t *testing.T, path string) tree.File {
	t.Helper()
	f, err := tree.At(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFile_followsLinksInsideOfTheRepositoryOnly(t *testing.T) {
	repository, outside := newRepository(t)
	for name, to := range map[string]string{
		"inside": "../file", "again": "inside", "directory": "..",
		"out": "../../outside/secret", "absolute": filepath.Join(outside, "secret"), "device": "/dev/zero",
		"other": "../../outside", "twice": "out", "dangling": "../../outside/new", "self": "self",
	} {
		link(t, to, name)
	}
	for path, want := range map[string]string{
		"../file": "text", "inside": "text", "again": "text", "directory/file": "text",
		filepath.Join(repository, "file"):      "text",
		filepath.Join(outside, "secret"):       "hunter2", // the user's own choice
		filepath.Join(repository, "sub/twice"): "", "out": "", "absolute": "", "device": "", "other/secret": "", "twice": "", "dangling": "", "self": "", "none": "",
	} {
		content, err := at(t, path).Read(most)
		if string(content) != want || (err == nil) != (want != "") {
			t.Errorf("%s: read %q, %v", path, content, err)
		}
		if want == "" && path != "none" && errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: counts as a file that does not exist: %v", path, err)
		}
	}
	if _, err := at(t, "out").Read(most); !errors.Is(err, tree.ErrLeaves) || !strings.Contains(err.Error(), repository) {
		t.Errorf("the error is %v", err)
	}
}

// A path that the user chose may be anywhere; a link in that directory may not
// lead out of it.
func TestFile_outOfTheRepository(t *testing.T) {
	_, outside := newRepository(t)
	elsewhere := filepath.Join(outside, "policy")
	if err := os.MkdirAll(filepath.Join(elsewhere, "data"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(elsewhere, "data", "a.hujson"), "a")
	link(t, "data/a.hujson", filepath.Join(elsewhere, "a.hujson"))
	link(t, "../secret", filepath.Join(elsewhere, "b.hujson"))
	for _, folder := range []string{elsewhere, "../../outside/policy"} {
		if content, err := at(t, folder).Below("a.hujson").Read(most); err != nil || string(content) != "a" {
			t.Errorf("%s: read %q, %v", folder, content, err)
		}
		if content, err := at(t, folder).Below("b.hujson").Read(most); !errors.Is(err, tree.ErrLeaves) {
			t.Errorf("%s: read %q, %v", folder, content, err)
		}
		if entries, err := at(t, folder).ReadDir(); err != nil || len(entries) != 3 {
			t.Errorf("%s: it has %v, %v", folder, entries, err)
		}
	}
	if content, err := at(t, filepath.Join(elsewhere, "b.hujson")).Read(most); !errors.Is(err, tree.ErrLeaves) {
		t.Errorf("a file: read %q, %v", content, err)
	}
}

// Without a repository the current directory is the one that links must stay in.
func TestFile_withoutARepository(t *testing.T) {
	newRepository(t)
	t.Chdir(filepath.Join(t.TempDir()))
	write(t, "file", "text")
	if content, err := at(t, "file").Read(most); err != nil || string(content) != "text" {
		t.Errorf("read %q, %v", content, err)
	}
	link(t, "../"+filepath.Base(t.TempDir()), "out")
	if _, err := at(t, "out").ReadDir(); err == nil {
		t.Error("a link out of the current directory was followed")
	}
}

// Nothing waits for a writer, and nothing is read without an end.
func TestFile_readsRegularFilesOnly(t *testing.T) {
	repository, _ := newRepository(t)
	if err := exec.Command("mkfifo", "pipe").Run(); err != nil {
		t.Skip("there is no mkfifo here")
	}
	link(t, "pipe", "linked")
	for _, path := range []string{"pipe", "linked", "/dev/zero", "/dev/null", repository} {
		if _, err := at(t, path).Read(most); !errors.Is(err, tree.ErrNotFile) {
			t.Errorf("%s: got %v", path, err)
		}
	}
	for _, path := range []string{"pipe", "linked", repository} { // not the machine's own devices: the code may be wrong
		if err := at(t, path).Replace(nil); err == nil {
			t.Errorf("%s was replaced", path)
		}
	}
	write(t, "full", strings.Repeat("x", most))
	if content, err := at(t, "full").Read(most); err != nil || len(content) != most {
		t.Errorf("read %d bytes, %v", len(content), err)
	}
	write(t, "long", "x")
	if err := os.Truncate("long", 1<<30); err != nil {
		t.Fatal(err)
	}
	if content, err := at(t, "long").Read(most); !errors.Is(err, tree.ErrTooLong) || content != nil {
		t.Errorf("read %d bytes, %v", len(content), err)
	}
}

func TestReplace_staysInTheRepository(t *testing.T) {
	_, outside := newRepository(t)
	link(t, "../../outside/secret", "out")
	link(t, filepath.Join(outside, "new"), "new")
	link(t, "../../outside", "folder")
	link(t, "loop", "loop")
	link(t, "/elsewhere", "absolute") // not a file of this name beside the link
	for _, path := range []string{"out", "new", "folder/secret", "folder/new", "loop", "absolute"} {
		if err := at(t, path).Replace([]byte("changed")); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	wantFile(t, filepath.Join(outside, "secret"), "hunter2", 0o640)
	wantEntries(t, outside, 2)
	wantEntries(t, ".", 5)
}

func TestReplace_keepsModeAndLink(t *testing.T) {
	repository, _ := newRepository(t)
	link(t, "../file", "link")
	reader, err := os.Open("link")
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := at(t, "link").Replace([]byte("new")); err != nil {
		t.Fatal(err)
	}
	wantFile(t, filepath.Join(repository, "file"), "new", 0o640)
	if info, err := os.Lstat("link"); err != nil || info.Mode().Type() != fs.ModeSymlink {
		t.Errorf("the link is %v now (%v)", info.Mode(), err)
	}
	old := make([]byte, 64)
	if n, _ := reader.Read(old); string(old[:n]) != "text" {
		t.Errorf("a reader that had it open reads %q", old[:n])
	}
	wantEntries(t, repository, 3)
	wantEntries(t, ".", 1)
}

func TestReplace_makesAFile(t *testing.T) {
	newRepository(t)
	if err := at(t, "new").Replace([]byte("text")); err != nil {
		t.Fatal(err)
	}
	wantFile(t, "new", "text", 0o644)
	if err := at(t, "none/new").Replace(nil); err == nil {
		t.Error("a directory was made, too")
	}
	if err := os.MkdirAll("sub/x", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := at(t, "sub").Replace(nil); err == nil {
		t.Error("a directory was replaced")
	}
	wantEntries(t, ".", 2)
}

func wantFile(t *testing.T, path, content string, mode fs.FileMode) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil || string(raw) != content {
		t.Errorf("%s holds %q (%v), want %q", path, raw, err, content)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != mode {
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
