package private

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"
)

func TestProtect_keepsOtherUsersOut(t *testing.T) {
	path := filepath.Join(t.TempDir(), "session")
	everyone, err := windows.SecurityDescriptorFromString("D:(A;OICI;FA;;;WD)")
	if err := errors.Join(err, os.Mkdir(path, 0o700), setAccess(path, everyone)); err != nil {
		t.Fatal(err)
	}
	dir, err := Open(path, os.Geteuid())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if refused, ok := errors.AsType[*Error](dir.checkProtected()); !ok || refused.Reason != "other users have access" {
		t.Errorf("a directory for everyone: %v", refused)
	}
	if err := dir.Protect(); err != nil {
		t.Error(err)
	}
	if err := dir.checkProtected(); err != nil {
		t.Error(err)
	}
}

func TestOpen_refusesADirectoryOfAnotherUser(t *testing.T) {
	path, err := windows.GetSystemDirectory() // TrustedInstaller's
	if err != nil {
		t.Fatal(err)
	}
	dir, err := Open(path, os.Geteuid())
	if err == nil {
		dir.Close()
		t.Skip("the system's directory belongs to this user, as it does under wine")
	}
	if _, ok := errors.AsType[*Error](err); !ok {
		t.Errorf("got error %v", err)
	}
}

// Windows removes no directory that is open.
func TestRemoveSelf_letsGoOfTheDirectory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "session")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	dir, err := Open(path, os.Geteuid())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if err := dir.RemoveSelf(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", path, err)
	}
}
