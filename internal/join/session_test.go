package join

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/private"
)

func mustSession(t *testing.T) *session {
	t.Helper()
	s, err := newSession(filepath.Join(t.TempDir(), "session"), "", record{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.dir.Close() }) // Windows removes no directory that is open
	return s
}

func TestSession_isReadBackByALaterProcess(t *testing.T) {
	s := mustSession(t)
	if err := s.note(func(r *record) { r.Key.Tries, r.Node, r.Links = 1, "n1", []link{{"/a", "/b"}} }); err != nil {
		t.Fatal(err)
	}
	got, err := readSession(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(s.record, got.record); d != "" {
		t.Error(d)
	}
	if len(s.Description()) > 50 || strings.Trim(s.Description(), "abcdefghijklmnopqrstuvwxyz0123456789 ") != "" {
		t.Errorf("the API does not take the description %q", s.Description())
	}
}

// A process can be killed while it writes.
func TestSession_isReadToTheLastWholeLine(t *testing.T) {
	s := mustSession(t)
	cut := func() {
		raw, err := os.ReadFile(filepath.Join(s.dir.Path, fileName))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(s.dir.Path, fileName), raw[:len(raw)-7], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		node, want string
		cut        bool
	}{{"n1", "n1", false}, {"n2", "n1", true}, {"n3", "n3", false}} {
		if err := s.note(func(r *record) { r.Node = step.node }); err != nil {
			t.Fatal(err)
		}
		if step.cut {
			cut()
		}
		if got, err := readSession(s.dir); err != nil || got.Node != step.want {
			t.Errorf("after %v: %+v, error %v", step, got, err)
		}
	}
}

// needsModes skips a test of modes, which Windows does not have: there a join sets who may use its directory, and internal/private
// tests that.
func needsModes(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no modes")
	}
}

func TestSession_isThisUsersAlone(t *testing.T) {
	needsModes(t)
	s := mustSession(t)
	for path, want := range map[string]os.FileMode{s.dir.Path: 0o700 | os.ModeDir, filepath.Join(s.dir.Path, fileName): 0o600} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
	}
}

func TestSession_takesTheEmptyDirectoryOfTheHook(t *testing.T) {
	s, err := newSession(mkdir(t, 0o700), "", record{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.dir.Close()
}

func TestSession_refusesADirectoryThatOthersCanRead(t *testing.T) {
	needsModes(t)
	_, err := newSession(mkdir(t, 0o755), "", record{}, nil)
	if got := diag.As(err); got.Code != "session-foreign" {
		t.Errorf("error %v, want session-foreign", err)
	}
}

func TestSession_refusesAPlaceThatOthersCanChange(t *testing.T) {
	needsModes(t)
	_, err := newSession(filepath.Join(mkdir(t, 0o777), "session"), "", record{}, nil)
	if got := diag.As(err); got.Code != "session-foreign" {
		t.Errorf("error %v, want session-foreign", err)
	}
}

func mkdir(t *testing.T, mode os.FileMode) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "made")
	if err := os.Mkdir(dir, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return dir
}

func TestSession_refusesOneThatJoinedAlready(t *testing.T) {
	_, err := newSession(mustSession(t).dir.Path, "", record{}, nil)
	if got := diag.As(err); got.Code != "session-exists" {
		t.Errorf("error %v, want session-exists", err)
	}
}

func TestSession_withoutARecordIsNoError(t *testing.T) {
	dir, err := private.Open(mkdir(t, 0o700), os.Geteuid())
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if s, err := readSession(dir); s != nil || err != nil {
		t.Errorf("session %v, error %v", s, err)
	}
}

func TestKeyState_saysWhatMayBeLeft(t *testing.T) {
	for _, c := range []struct {
		name        string
		key         keyState
		left, known bool
	}{
		{"none was asked for", keyState{}, false, false},
		{"the answer did not come", keyState{Tries: 1}, true, false},
		{"minted", keyState{Tries: 1, ID: "k1"}, true, true},
		{"used", keyState{Tries: 1, ID: "k1", Used: true}, false, true},
		{"minted at the second try", keyState{Tries: 2, ID: "k2"}, true, false},
		{"the second one used, the first one perhaps minted", keyState{Tries: 2, ID: "k2", Used: true}, true, false},
	} {
		if c.key.left() != c.left || c.key.known() != c.known {
			t.Errorf("%s: left %v, known %v", c.name, c.key.left(), c.key.known())
		}
	}
}
