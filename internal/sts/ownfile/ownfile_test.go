//go:build unix

package ownfile_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tailjoin/tailjoin/internal/sts/ownfile"
)

const nobody = 65534

// place is a directory with a file of this user, and a change of it.
func place(t *testing.T, mode fs.FileMode) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, os.Chmod(path, mode))
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func why(err error) string {
	if e, ok := errors.AsType[*ownfile.UnsafeError](err); ok {
		return e.Why
	}
	return ""
}

func TestRead_trustsOnlyWhatNoOtherUserCanWrite(t *testing.T) {
	t.Parallel()
	for mode, want := range map[fs.FileMode][2]string{ // of private, and of shared files
		0o600: {"", ""}, 0o400: {"", ""}, 0o700: {"", ""},
		0o640: {ownfile.WhyMode, ""}, 0o604: {ownfile.WhyMode, ""}, 0o610: {ownfile.WhyMode, ""}, 0o601: {ownfile.WhyMode, ""}, 0o644: {ownfile.WhyMode, ""},
		0o620: {ownfile.WhyMode, ownfile.WhyMode}, 0o602: {ownfile.WhyMode, ownfile.WhyMode}, 0o666: {ownfile.WhyMode, ownfile.WhyMode},
	} {
		path := place(t, mode)
		for i, rule := range []ownfile.Rule{ownfile.Private, ownfile.Shared} {
			content, err := ownfile.Read(path, rule)
			if why(err) != want[i] || (err == nil) != (string(content) == "content") || (err == nil) != (want[i] == "") {
				t.Errorf("mode %v, rule %d: %q, %v; want %q", mode, i, content, err, want[i])
			}
		}
	}
}

func TestRead_refusesAnotherUsersFile(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file away")
	}
	for _, rule := range []ownfile.Rule{ownfile.Private, ownfile.Shared} {
		path := place(t, 0o600)
		must(t, os.Chown(path, nobody, 0))
		if _, err := ownfile.Read(path, rule); why(err) != ownfile.WhyOwner {
			t.Errorf("of another user: %v", err)
		}
		must(t, os.Chown(path, 0, nobody)) // its group has no rights by the mode
		if _, err := ownfile.Read(path, rule); err != nil {
			t.Errorf("of root: %v", err)
		}
	}
}

func TestRead_followsALinkToASharedFileAlone(t *testing.T) {
	t.Parallel()
	link := filepath.Join(t.TempDir(), "link")
	must(t, os.Symlink(place(t, 0o600), link))
	if _, err := ownfile.Read(link, ownfile.Private); why(err) != ownfile.WhyLink {
		t.Errorf("private: %v", err)
	}
	if content, err := ownfile.Read(link, ownfile.Shared); string(content) != "content" {
		t.Errorf("shared: %v", err)
	}
	open := filepath.Join(t.TempDir(), "open")
	must(t, os.Symlink(place(t, 0o666), open))
	if _, err := ownfile.Read(open, ownfile.Shared); why(err) != ownfile.WhyMode {
		t.Errorf("a link to a file that others can write: %v", err)
	}
}

// Opening a pipe that no process writes would wait for ever.
func TestRead_refusesWhatIsNotAFile(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	for _, path := range []string{pipe, t.TempDir(), os.DevNull} {
		for _, rule := range []ownfile.Rule{ownfile.Private, ownfile.Shared} {
			if _, err := ownfile.Read(path, rule); why(err) != ownfile.WhyKind {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
	file, err := ownfile.OpenFile(os.DevNull, os.O_WRONLY, 0, ownfile.Rule{Device: true})
	must(t, err)
	must(t, file.Close())
	if _, err := ownfile.OpenFile(pipe, os.O_RDWR, 0, ownfile.Rule{Device: true}); why(err) != ownfile.WhyKind {
		t.Errorf("a pipe is a device: %v", err)
	}
}

func TestRead_takesNoMoreThanTheLimit(t *testing.T) {
	t.Parallel()
	path := place(t, 0o600)
	must(t, os.Truncate(path, ownfile.Largest))
	if _, err := ownfile.Read(path, ownfile.Private); err != nil {
		t.Error(err)
	}
	must(t, os.Truncate(path, ownfile.Largest+1))
	if _, err := ownfile.Read(path, ownfile.Private); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("one byte more: %v", err)
	}
}
