package tailscaled

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// ada is the user who called sudo.
var ada = caller{1003, 1003, "ada"}

func mustBeRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can give files away")
	}
}

// made makes a directory of the user's.
func made(t *testing.T, c caller) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chown(dir, c.uid, c.gid); err != nil {
		t.Fatal(err)
	}
	return dir
}

func mustWrite(t *testing.T, path string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func ownerOf(t *testing.T, path string) int {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Uid)
}

func TestGiveState_isTheUsersAfterwards(t *testing.T) {
	mustBeRoot(t)
	dir := made(t, ada)
	mustWrite(t, filepath.Join(dir, "files", "tailscaled.state"))
	if err := ada.giveState(dir); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"files", "files/tailscaled.state"} {
		if owner := ownerOf(t, filepath.Join(dir, name)); owner != ada.uid {
			t.Errorf("%s belongs to %d, want %d", name, owner, ada.uid)
		}
	}
}

// A user who may have root give files back must not get root's own files by that.
func TestGiveState_givesNoFileThatIsNotTheDaemons(t *testing.T) {
	mustBeRoot(t)
	outside := t.TempDir()
	secret := filepath.Join(outside, "shadow")
	attacks := map[string]func(t *testing.T, dir string) (kept string){
		"a second name of a file": func(t *testing.T, dir string) string {
			if err := os.Link(secret, filepath.Join(dir, "tailscaled.state")); err != nil {
				t.Fatal(err)
			}
			return dir
		},
		"a link to a file": func(t *testing.T, dir string) string {
			os.Symlink(secret, filepath.Join(dir, "tailscaled.state"))
			return dir
		},
		"a link to a directory": func(t *testing.T, dir string) string {
			os.Symlink(outside, filepath.Join(dir, "files"))
			return dir
		},
		"a directory of root's": func(*testing.T, string) string { return outside },
		"a link to one of root's": func(t *testing.T, dir string) string {
			os.Symlink(outside, filepath.Join(dir, "state"))
			return filepath.Join(dir, "state")
		},
	}
	for name, attack := range attacks {
		t.Run(name, func(t *testing.T) {
			os.Remove(secret)
			mustWrite(t, secret)
			dir := made(t, ada)
			if err := ada.giveState(attack(t, dir)); err != nil {
				t.Error(err)
			}
			if owner := ownerOf(t, secret); owner != 0 {
				t.Errorf("root's file belongs to %d", owner)
			}
		})
	}
}

// mustStopBySudo stops the daemon of a session as root's task for ada does.
func mustStopBySudo(t *testing.T, path string) {
	t.Helper()
	must(t, os.Chmod(path, 0o700))
	session, err := openRootSession(path, ada)
	must(t, err)
	defer session.close()
	_, err = rootStop(t.Context(), session, []byte("{}"))
	must(t, err)
}

func TestRootStop_removesWhatRootsDaemonWrote(t *testing.T) {
	mustBeRoot(t)
	session := made(t, ada)
	mustWrite(t, filepath.Join(session, StateName, "ssh", "ssh_host_ed25519_key"))
	mustWrite(t, filepath.Join(session, "kept"))
	mustStopBySudo(t, session)
	if exists(filepath.Join(session, StateName)) || !exists(filepath.Join(session, "kept")) {
		t.Error("the state, and nothing else, was to be removed")
	}
}

func TestRootStop_followsNoLink(t *testing.T) {
	mustBeRoot(t)
	victim := t.TempDir()
	mustWrite(t, filepath.Join(victim, "data"))
	session := made(t, ada)
	must(t, os.Symlink(victim, filepath.Join(session, StateName)))
	mustStopBySudo(t, session)
	if !exists(filepath.Join(victim, "data")) {
		t.Error("a link led root out of the session")
	}
}

func TestOpenRootSession_refusesAPlaceThatAThirdUserCanChange(t *testing.T) {
	mustBeRoot(t)
	place := made(t, caller{uid: stranger, gid: stranger})
	session := filepath.Join(place, "session")
	must(t, os.Mkdir(session, 0o700), os.Chown(session, ada.uid, ada.gid))
	s, err := openRootSession(session, ada)
	if err == nil {
		s.close()
		t.Error("a session was opened that its parent's owner could exchange")
	}
}
