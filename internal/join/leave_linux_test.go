package join

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// stranger is the user ID of another user.
const stranger = 65534

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can act as another user")
	}
}

func quietDeps() Deps {
	return Deps{Log: slog.New(slog.DiscardHandler), API: &tsapi.Client{}}
}

// recorded is a session of a join that has ended, with this record.
func recorded(t *testing.T, change func(*record)) (dir string) {
	t.Helper()
	s := mustSession(t)
	if err := s.note(change); err != nil {
		t.Fatal(err)
	}
	s.held.Close()
	return s.dir.Path
}

func TestLeave_refusesASessionThatIsNotThisUsersAlone(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"another user's": func(t *testing.T, dir string) { needRoot(t); mustDo(t, os.Chown(dir, stranger, stranger)) },
		"in a directory of another user's": func(t *testing.T, dir string) {
			needRoot(t)
			mustDo(t, os.Chown(filepath.Dir(dir), stranger, stranger))
		},
		"in a directory open to its group": func(t *testing.T, dir string) {
			needRoot(t)
			mustDo(t, os.Chown(filepath.Dir(dir), -1, 1), os.Chmod(filepath.Dir(dir), 0o775))
		},
		"open to others":    func(t *testing.T, dir string) { mustDo(t, os.Chmod(dir, 0o755)) },
		"a link to another": func(t *testing.T, dir string) { mustDo(t, os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := recorded(t, func(r *record) { r.Daemon.Started = true })
			daemon := mustRunAs(t, os.Geteuid(), filepath.Join(dir, "tailscaled"))
			spoil(t, dir)
			left, err := Leave(t.Context(), LeaveRequest{Dir: dir}, quietDeps())
			if left || diag.As(err).Code != "session-foreign" {
				t.Errorf("left %t, error %v, want session-foreign", left, err)
			}
			if hasEnded(daemon) || !exist(t, filepath.Join(dir, fileName)) {
				t.Error("the session was touched")
			}
		})
	}
}

func mustDo(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// A GitHub job with a container is root, and its RUNNER_TEMP is the runner's.
func TestJoinAndLeave_rootTrustsTheOwnerOfThePlatformsDirectory(t *testing.T) {
	needRoot(t)
	temp := filepath.Join(t.TempDir(), "_temp")
	mustDo(t, os.Mkdir(temp, 0o755), os.Chown(temp, 1001, 1001))
	dir := filepath.Join(temp, "session")
	for trusted, want := range map[string]string{"": "session-foreign", t.TempDir(): "session-foreign", temp: ""} {
		s, err := newSession(dir, trusted, record{}, nil)
		if err == nil {
			s.held.Close()
			_, err = Leave(t.Context(), LeaveRequest{Dir: dir, TrustedParent: trusted}, quietDeps())
		}
		if got := err; (got == nil) != (want == "") || got != nil && diag.As(got).Code != want {
			t.Errorf("trusting %q: error %v, want %q", trusted, got, want)
		}
	}
}

func TestLeave_ofASessionThatWasRemoved_endsItsDaemonAndSaysSo(t *testing.T) {
	for name, remove := range map[string]func(dir string) error{
		"all of it":       os.RemoveAll,
		"its record only": func(dir string) error { return os.Remove(filepath.Join(dir, fileName)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := recorded(t, func(*record) {})
			daemon := mustRunAs(t, os.Geteuid(), filepath.Join(dir, "tailscaled"))
			mustDo(t, remove(dir))
			var log strings.Builder
			deps := quietDeps()
			deps.Log = slog.New(slog.NewTextHandler(&log, nil))
			if left, err := Leave(t.Context(), LeaveRequest{Dir: dir}, deps); !left || err != nil {
				t.Errorf("left %t, error %v", left, err)
			}
			if !hasEnded(daemon) || exist(t, dir) || !strings.Contains(log.String(), "removed the session") {
				t.Errorf("the daemon has ended: %t; the log says %q", hasEnded(daemon), log.String())
			}
		})
	}
}

// What the join still wrote while it ended is undone too.
func TestLeave_waitsForTheJoinAndReadsItsRecordAgain(t *testing.T) {
	s := mustSession(t)
	daemon := mustRunAs(t, os.Geteuid(), filepath.Join(s.dir.Path, "tailscaled"))
	done := make(chan error)
	go func() {
		_, err := Leave(context.WithoutCancel(t.Context()), LeaveRequest{Dir: s.dir.Path}, quietDeps())
		done <- err
	}()
	mustAwaitWaiter(t, s.held)
	mustDo(t, s.note(func(r *record) { r.Daemon.Started = true }), s.held.Close())
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !hasEnded(daemon) {
		t.Error("the daemon still runs")
	}
}

// mustAwaitWaiter returns when a process waits for the lock on a file.
func mustAwaitWaiter(t *testing.T, held *os.File) {
	t.Helper()
	info, err := held.Stat()
	mustDo(t, err)
	inode := fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino)
	for t.Context().Err() == nil {
		locks, err := os.ReadFile("/proc/locks")
		mustDo(t, err)
		for line := range strings.Lines(string(locks)) {
			if strings.Contains(line, "->") && strings.Contains(line, inode) {
				return
			}
		}
	}
}

func TestLeave_aRecordThatIsAPipeOrTooLarge_isGarbledAndCleared(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"a pipe":    func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"too large": func(path string) error { return os.WriteFile(path, make([]byte, maxRecords+1), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := mkdir(t, 0o700)
			mustDo(t, make(filepath.Join(dir, fileName)))
			left, err := Leave(t.Context(), LeaveRequest{Dir: dir}, quietDeps())
			if !left || !errors.Is(err, errGarbled) || exist(t, dir) {
				t.Errorf("left %t, error %v, the directory is there: %t", left, err, exist(t, dir))
			}
		})
	}
}
