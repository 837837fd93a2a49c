package tailscaled

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailscale/go-winio"
	"golang.org/x/sys/windows"
)

func TestRealPath_isOneForEveryNameOfADirectory(t *testing.T) {
	long := filepath.Join(t.TempDir(), "a directory with a long name")
	if err := os.Mkdir(long, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{shortName(t, long), strings.ToUpper(long), filepath.ToSlash(long)} {
		if got, want := realPath(name), realPath(long); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
		if SocketIn(name) != SocketIn(long) {
			t.Errorf("%s: it has another pipe than %s", name, long)
		}
	}
}

func shortName(t *testing.T, path string) string {
	t.Helper()
	long, err := windows.UTF16PtrFromString(path)
	if err != nil {
		t.Fatal(err)
	}
	short := make([]uint16, windows.MAX_PATH)
	if _, err := windows.GetShortPathName(long, &short[0], uint32(len(short))); err != nil {
		t.Fatal(err)
	}
	return windows.UTF16ToString(short)
}

func TestSocketIn_tellsSessionsOfTheSameNameApart(t *testing.T) {
	if a, b := SocketIn(`C:\one\session`), SocketIn(`C:\two\session`); a == b {
		t.Errorf("both have the pipe %s", a)
	}
}

// Another user can make a pipe of the name before the daemon does.
func TestDial_refusesThePipeOfAnotherProgram(t *testing.T) {
	dir := t.TempDir()
	pipe, err := winio.ListenPipe(SocketIn(dir), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	go func() {
		for {
			conn, err := pipe.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
		}
	}()
	if _, err := Attach(dir, SocketIn(dir), 0).dial(t.Context(), "", ""); !errors.Is(err, errForeign) {
		t.Errorf("got error %v, want %v", err, errForeign)
	}
	conn, err := dialSocket(t.Context(), SocketIn(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if !listensAs(conn, OwnProgram(), 0, ownUser) {
		t.Error("the pipe is not this program's")
	}
}

func TestProcessesNamed_findsAProgramByEachName(t *testing.T) {
	for _, name := range []string{OwnProgram(), shortName(t, OwnProgram()), strings.ToUpper(OwnProgram())} {
		if pids := processesNamed(name, 0, ownUser); len(pids) != 1 || pids[0] != os.Getpid() {
			t.Errorf("%s: got %v, want %d", name, pids, os.Getpid())
		}
	}
}

// tailscale's own way to connect tries for five seconds, in case that a daemon is about to start.
func TestAnswers_saysAtOnceThatNothingListens(t *testing.T) {
	began := time.Now()
	if Answers(SocketIn(t.TempDir())) {
		t.Error("a daemon answers")
	}
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestRealPath_ofWhatDoesNotExist_isThePath(t *testing.T) {
	if got := realPath(`C:\no\such\file`); got != `C:\no\such\file` {
		t.Errorf("got %s", got)
	}
}

func TestPlainPath(t *testing.T) {
	for path, want := range map[string]string{
		`\\?\C:\a b\c`: `C:\a b\c`, `\\?\UNC\server\share\c`: `\\server\share\c`, `C:\UNC\c`: `C:\UNC\c`, `\\server\share`: `\\server\share`,
	} {
		if got := plainPath(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

func TestNewShortPath_saysThatAPathIsTooLong(t *testing.T) {
	for length, ok := range map[int]bool{100: true, longestWorkDir: true, longestWorkDir + 1: false} {
		dir := `C:\` + strings.Repeat("ü", length-len(`C:\`))
		if _, err := NewShortPath(dir); (err == nil) != ok || err != nil && diag.As(err).Code != "input-invalid" {
			t.Errorf("%d characters: %v", length, err)
		}
	}
}
