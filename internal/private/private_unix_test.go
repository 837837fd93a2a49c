//go:build unix

package private

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// stranger is the user ID of another user.
const stranger = 65534

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// giveAway makes a file another user's, which only root can do.
func giveAway(t *testing.T, name string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give a file to another user")
	}
	must(t, os.Lchown(name, stranger, -1))
}

// mustDir is a directory of mode 0700 in one that no other user can change.
func mustDir(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "dir")
	must(t, os.Mkdir(dir, 0o700))
	return dir
}

func TestOpen_takesOnlyADirectoryOfTheOwnerAlone(t *testing.T) {
	chmod := func(mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, dir string) { must(t, os.Chmod(dir, mode)) }
	}
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir string)
		why   string
	}{
		"as it is":              {func(*testing.T, string) {}, ""},
		"others may look":       {chmod(0o701), "other users have access"},
		"its group may read":    {chmod(0o740), "other users have access"},
		"another user's":        {giveAway, "not owned by"},
		"a link to one of ours": {func(t *testing.T, dir string) { must(t, os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir)) }, "not a directory"},
		"a pipe":                {func(t *testing.T, dir string) { must(t, os.Remove(dir), syscall.Mkfifo(dir, 0o700)) }, "not a directory"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := mustDir(t)
			tt.spoil(t, dir)
			d, err := Open(dir, os.Geteuid())
			if err == nil {
				d.Close()
			}
			foreign, refused := errors.AsType[*Error](err)
			if refused != (tt.why != "") || refused && !strings.Contains(foreign.Reason, tt.why) {
				t.Errorf("got error %v, want %q", err, tt.why)
			}
		})
	}
}

func TestCheckOpened_refusesADirectoryThatWasReplaced(t *testing.T) {
	infos := [2]fs.FileInfo{}
	for i := range infos {
		info, err := os.Stat(mustDir(t))
		must(t, err)
		infos[i] = info
	}
	if err := checkOpened("x", infos[0], infos[0], os.Geteuid()); err != nil {
		t.Error(err)
	}
	if err := checkOpened("x", infos[0], infos[1], os.Geteuid()); err == nil {
		t.Error("another directory is accepted")
	}
}

func TestOpen_whereNothingIs(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "none"), os.Geteuid()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got error %v", err)
	}
}

func mustOpen(t *testing.T, dir string) *Dir {
	t.Helper()
	d, err := Open(dir, os.Geteuid())
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

func TestRead_neverBlocksAndHasALimit(t *testing.T) {
	for name, tt := range map[string]struct {
		make func(path string) error
		want error
	}{
		"a file":                {func(path string) error { return os.WriteFile(path, []byte("1234"), 0o600) }, nil},
		"too long":              {func(path string) error { return os.WriteFile(path, []byte("12345"), 0o600) }, ErrTooLarge},
		"a pipe":                {func(path string) error { return syscall.Mkfifo(path, 0o600) }, ErrNotRegular},
		"a directory":           {func(path string) error { return os.Mkdir(path, 0o700) }, ErrNotRegular},
		"a link that leads out": {func(path string) error { return os.Symlink("/etc/passwd", path) }, errAny},
	} {
		t.Run(name, func(t *testing.T) {
			dir := mustDir(t)
			must(t, tt.make(filepath.Join(dir, "f")))
			content, err := mustOpen(t, dir).Read("f", 4)
			if tt.want == nil && (err != nil || string(content) != "1234") || tt.want == errAny && err == nil || tt.want != nil && tt.want != errAny && !errors.Is(err, tt.want) {
				t.Errorf("got %q and error %v, want %v", content, err, tt.want)
			}
		})
	}
}

var errAny = errors.New("any")

func TestOpenRegular_doesNotWaitForTheReaderOfAPipe(t *testing.T) {
	dir := mustDir(t)
	must(t, syscall.Mkfifo(filepath.Join(dir, "f"), 0o600))
	if _, err := mustOpen(t, dir).OpenRegular("f", os.O_WRONLY|os.O_APPEND, 0o600); !errors.Is(err, ErrNotRegular) {
		t.Errorf("got error %v, want %v", err, ErrNotRegular)
	}
}

func TestClear_staysInTheDirectoryThatWasOpened(t *testing.T) {
	dir := mustDir(t)
	other := mustDir(t)
	kept := filepath.Join(other, "kept")
	must(t, os.WriteFile(kept, nil, 0o600), os.WriteFile(filepath.Join(dir, "record"), nil, 0o600),
		os.MkdirAll(filepath.Join(dir, "a/b"), 0o700), os.Symlink(other, filepath.Join(dir, "link")))
	d := mustOpen(t, dir)
	must(t, os.Rename(dir, dir+".old"), os.Symlink(other, dir))

	must(t, d.Clear("record"), d.RemoveSelf())
	if _, err := os.Lstat(kept); err != nil {
		t.Errorf("what the link leads to was removed: %v", err)
	}
	if _, err := os.Lstat(dir); err != nil {
		t.Errorf("what is at the path by now was removed: %v", err)
	}
	left, err := os.ReadDir(dir + ".old")
	if err != nil || len(left) != 1 || left[0].Name() != "record" {
		t.Errorf("left are %v, %v, want the record", left, err)
	}
}

func TestRemoveSelf_removesTheDirectory(t *testing.T) {
	dir := mustDir(t)
	must(t, mustOpen(t, dir).RemoveSelf())
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is left: %v", err)
	}
}

func TestCheckPlace_refusesWhatAThirdUserCouldReplace(t *testing.T) {
	chmod := func(name string, mode os.FileMode) func(*testing.T, string) {
		return func(t *testing.T, root string) { must(t, os.Chmod(filepath.Join(root, name), mode)) }
	}
	foreign := func(name string) func(*testing.T, string) {
		return func(t *testing.T, root string) { giveAway(t, filepath.Join(root, name)) }
	}
	group := func(name string, gid int) func(*testing.T, string) {
		return func(t *testing.T, root string) {
			if os.Geteuid() != 0 {
				t.Skip("only root can give a file to any group")
			}
			must(t, os.Chown(filepath.Join(root, name), -1, gid), os.Chmod(filepath.Join(root, name), 0o775))
		}
	}
	for name, tt := range map[string]struct {
		spoil   func(t *testing.T, root string)
		path    string
		trusted []int
		safe    bool
	}{
		"as it is":                                  {path: "a/b/session", safe: true},
		"nothing there yet":                         {path: "a/b/c/d/session", safe: true},
		"the parent is open to all":                 {spoil: chmod("a/b", 0o777), path: "a/b/session"},
		"one further up is open to all":             {spoil: chmod("a", 0o777), path: "a/b/session"},
		"the parent is sticky":                      {spoil: chmod("a/b", 0o777|os.ModeSticky), path: "a/b/session", safe: true},
		"the parent is another user's":              {spoil: foreign("a/b"), path: "a/b/session"},
		"one further up is another user's":          {spoil: foreign("a"), path: "a/b/session"},
		"the parent is a trusted user's":            {spoil: foreign("a/b"), path: "a/b/session", trusted: []int{stranger}, safe: true},
		"in a group that has no name and no member": {spoil: group("a/b", 987654), path: "a/b/session", safe: true},
		"in a group that is a user's":               {spoil: group("a/b", 1), path: "a/b/session"}, // daemon's
		"over a link of ours":                       {path: "link/session", safe: true},
		"over a link into an open directory":        {spoil: chmod("a", 0o777), path: "link/session"},
		"over another user's link":                  {spoil: foreign("link"), path: "link/session"},
	} {
		t.Run(name, func(t *testing.T) {
			root := mustDir(t)
			must(t, os.MkdirAll(filepath.Join(root, "a/b"), 0o755), os.Symlink("a/b", filepath.Join(root, "link")))
			if tt.spoil != nil {
				tt.spoil(t, root)
			}
			err := CheckPlace(filepath.Join(root, tt.path), append(tt.trusted, os.Geteuid())...)
			if _, refused := errors.AsType[*Error](err); refused == tt.safe || !refused && err != nil {
				t.Errorf("got error %v, safe is %t", err, tt.safe)
			}
		})
	}
}

func TestTrustsMembers(t *testing.T) {
	users := [][]string{{"root", "x", "0", "0"}, {"runner", "x", "1001", "1001"}, {"mallory", "x", "1002", "1002"}}
	for names, want := range map[string]bool{
		"": true, "root": true, "runner": true, "root,runner": true, "mallory": false, "runner,mallory": false, "unknown": false,
	} {
		if got := (place{trusted: []int{0, 1001}}).trustsMembers(names, users); got != want {
			t.Errorf("%q: got %t, want %t", names, got, want)
		}
	}
}
