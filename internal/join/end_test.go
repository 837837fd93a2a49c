package join

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func mustWrite(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

func exist(t *testing.T, path string) bool {
	t.Helper()
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

func TestLeave_killedBeforeItsSessionWasWritten_isNothingToLeave(t *testing.T) {
	dir := mkdir(t, 0o700)
	mustWrite(t, filepath.Join(dir, fileName))
	if left, err := Leave(t.Context(), LeaveRequest{Dir: dir}, Deps{}); left || err != nil {
		t.Errorf("left %t, error %v", left, err)
	}
	if exist(t, dir) {
		t.Error("the directory is left")
	}
}

func TestLeave_withoutASession_keepsWhatSomebodyElseHasThere(t *testing.T) {
	dir := mkdir(t, 0o700)
	other := filepath.Join(dir, "other")
	mustWrite(t, other)
	if left, err := Leave(t.Context(), LeaveRequest{Dir: dir}, Deps{}); left || err != nil {
		t.Errorf("left %t, error %v", left, err)
	}
	if !exist(t, other) {
		t.Error("a file that is not ours was removed")
	}
}
