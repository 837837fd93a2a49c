package child_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A screen is a terminal that a test types on.
type screen struct {
	*os.File
	t  *testing.T
	mu sync.Mutex
	on strings.Builder
}

// open runs a command as the first process of a new terminal.
func open(t *testing.T, cmd *exec.Cmd) *screen {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("there are no terminals here:", err)
	}
	if err := unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	tty, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	tty.Close()
	s := &screen{File: keyboard, t: t}
	go s.watch()
	t.Cleanup(func() { cmd.Process.Kill(); keyboard.Close() })
	return s
}

func (s *screen) watch() {
	some := make([]byte, 4096)
	for {
		n, err := s.Read(some)
		s.mu.Lock()
		s.on.Write(some[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.on.String()
}

func (s *screen) keys(text string) {
	s.t.Helper()
	if _, err := s.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// await waits until the screen shows text, as often as times.
func (s *screen) await(text string, times int) {
	s.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); strings.Count(s.text(), text) < times; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("the screen does not show %q %d times, but:\n%s", text, times, s.text())
		}
	}
}

const (
	ctrlC = "\x03"
	ctrlZ = "\x1a"
)

func TestRun_onATerminal_keysReachTheCommandOnce(t *testing.T) {
	t.Parallel()
	seen := filepath.Join(t.TempDir(), "seen")
	cmd := runner(t, "sh", "-c", counting, seen)
	screen := open(t, cmd)
	await(t, seen, "ready\n")
	screen.keys(ctrlC)
	if got := status(cmd.Wait()); got != 3 {
		t.Errorf("status %d, want 3:\n%s", got, screen.text())
	}
	if got := read(t, seen); got != "ready\nINT\n" {
		t.Errorf("the command saw %q", got)
	}
}

func TestRun_onATerminal_theCommandReadsFromIt(t *testing.T) {
	t.Parallel()
	cmd := runner(t, "sh", "-c", `read line; echo "got $line"`)
	screen := open(t, cmd)
	screen.keys("words\n")
	if got := status(cmd.Wait()); got != 0 {
		t.Errorf("status %d", got)
	}
	screen.await("got words", 1)
}

// Nobody is there to continue a command that is stopped. The shell has nothing
// left to start: by vfork(2), which cannot be stopped, it would wait for a child
// that can.
func TestRun_onATerminalWithoutAShell_isNotStopped(t *testing.T) {
	t.Parallel()
	cmd := runner(t, "sh", "-c", `sleep 1 & echo ready; wait; echo done; exit 4`)
	screen := open(t, cmd)
	screen.await("ready", 1)
	screen.keys(ctrlZ)
	if got := status(cmd.Wait()); got != 4 {
		t.Errorf("status %d, want 4:\n%s", got, screen.text())
	}
}

func TestRun_underAShell_isStoppedAndContinued(t *testing.T) {
	t.Parallel()
	shell := exec.Command("bash", "--norc", "-i")
	shell.Env = append(os.Environ(), "CHILD_TEST=1", "PS1=prompt> ", "TERM=dumb")
	screen := open(t, shell)
	screen.await("prompt> ", 1)
	screen.keys(os.Args[0] + ` sh -c 'trap "echo interrupted; exit 5" INT; echo ready; while read line; do echo "got $line"; done'` + "\n")
	screen.await("\nready", 1)
	screen.keys("zero\n") // whoever reads this is not about to be continued, which would undo a stop
	screen.await("got zero", 1)
	screen.keys(ctrlZ)
	screen.await("Stopped", 1)
	screen.keys("echo shell=$((1+1))\n")
	screen.await("shell=2", 1)
	screen.keys("fg\n")
	screen.keys("one\n")
	screen.await("got one", 1)
	screen.keys(ctrlZ)
	screen.await("Stopped", 2)
	screen.keys("bg\n") // it reads, which in the background it may not
	screen.await("' &", 1)
	screen.keys("sleep 0.5\n") // the shell tells with its next prompt
	screen.await("Stopped", 3)
	screen.keys("fg\ntwo\n")
	screen.await("got two", 1)
	screen.keys(ctrlC)
	screen.await("^Cinterrupted", 1)
	screen.keys("echo status=$?\n")
	screen.await("status=5", 1)
}

func TestRun_killed_takesTheCommandAlong(t *testing.T) {
	t.Parallel()
	pidFile := filepath.Join(t.TempDir(), "pid")
	cmd := runner(t, "sh", "-c", `echo $$ >$0; while :; do sleep 1; done`, pidFile)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := mustPID(t, pidFile)
	cmd.Process.Kill()
	cmd.Wait()
	wantGone(t, pid)
}
