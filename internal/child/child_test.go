//go:build unix

package child_test

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/child"
	"golang.org/x/sys/unix"
)

// The test binary is the program that runs a command, too.
func TestMain(m *testing.M) {
	if os.Getenv("CHILD_TEST") == "" {
		// An ignored hangup, as nohup has it, would be ignored by every command that is tested.
		signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
		os.Exit(m.Run())
	}
	signals := make(chan os.Signal, 32)
	signal.Notify(signals, child.Signals()...)
	path, err := child.Find(os.Args[1])
	if err != nil {
		os.Exit(child.StatusOf(err))
	}
	status, err := child.Command{
		Path: path, Args: os.Args[1:], Env: os.Environ(), Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	}.Run(signals)
	if err != nil {
		status = child.StatusOf(err)
	}
	os.Exit(status)
}

// runner is this program as it runs a command, in a process group of its own.
func runner(t *testing.T, words ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], words...)
	cmd.Env = append(os.Environ(), "CHILD_TEST=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return cmd
}

func status(err error) int {
	if exit, ok := err.(*exec.ExitError); ok {
		return exit.ExitCode()
	}
	return 0
}

func mustWrite(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRun_endsAsTheCommandDoes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		words []string
		want  int
	}{
		{"success", []string{"true"}, 0},
		{"its status", []string{"sh", "-c", "exit 7"}, 7},
		{"a signal of its own", []string{"sh", "-c", "kill -TERM $$"}, 143},
		{"not there", []string{"no-such-command"}, 127},
		{"not there, by path", []string{"./no-such-command"}, 127},
		{"not executable", []string{mustWrite(t, "file", "", 0o600)}, 126},
		{"a directory", []string{"/"}, 126},
		{"no program", []string{mustWrite(t, "file", "\x00\x01", 0o700)}, 126},
		{"its interpreter is missing", []string{mustWrite(t, "file", "#!/no/such/shell\n", 0o700)}, 127},
	} {
		if got := status(runner(t, c.words...).Run()); got != c.want {
			t.Errorf("%s: status %d, want %d", c.name, got, c.want)
		}
	}
}

func TestRun_givesItsOwnFiles(t *testing.T) {
	t.Parallel()
	cmd := runner(t, "sh", "-c", "cat; echo error >&2")
	cmd.Stdin = strings.NewReader("input")
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil || out.String() != "input" || words.String() != "error\n" {
		t.Errorf("stdout %q, stderr %q, error %v", &out, &words, err)
	}
}

// counting is a command that writes a line for each signal. Some time after the
// first it ends.
const counting = `
for sig in INT TERM HUP QUIT USR1 USR2 WINCH; do trap "echo $sig >>$0" $sig; done
echo ready >>$0
while [ "$(cat $0)" = ready ]; do sleep 0.05; done
sleep 0.2; sleep 0.2
exit 3
`

func TestRun_passesEachSignalOnOnce(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{
		syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGWINCH,
	} {
		for name, target := range map[string]func(pid int) int{
			"the process":   func(pid int) int { return pid },
			"a whole group": func(pid int) int { return -pid },
		} {
			t.Run(sig.String()+" to "+name, func(t *testing.T) {
				t.Parallel()
				seen := filepath.Join(t.TempDir(), "seen")
				cmd := runner(t, "sh", "-c", counting, seen)
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				await(t, seen, "ready\n")
				syscall.Kill(target(cmd.Process.Pid), sig)
				if got := status(cmd.Wait()); got != 3 {
					t.Errorf("status %d, want 3", got)
				}
				want := "ready\n" + strings.TrimPrefix(unix.SignalName(sig), "SIG") + "\n"
				if got := read(t, seen); got != want {
					t.Errorf("the command saw %q, want %q", got, want)
				}
			})
		}
	}
}

// A shell passes no signal on: what it runs must be told, or it runs on.
func TestRun_asksAllOfTheCommandToEnd(t *testing.T) {
	t.Parallel()
	pidFile := filepath.Join(t.TempDir(), "pid")
	cmd := runner(t, "sh", "-c", `sleep 60 & echo $! >$0; wait`, pidFile)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := mustPID(t, pidFile)
	cmd.Process.Signal(syscall.SIGTERM)
	if got := status(cmd.Wait()); got != 143 {
		t.Errorf("status %d, want 143", got)
	}
	wantGone(t, pid)
}

func await(t *testing.T, path, want string) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); read(t, path) != want; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s holds %q, want %q", path, read(t, path), want)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(raw)
}

func mustPID(t *testing.T, path string) int {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		if pid, err := strconv.Atoi(strings.TrimSpace(read(t, path))); err == nil {
			return pid
		}
	}
	t.Fatalf("%s holds %q, and no number", path, read(t, path))
	return 0
}

func wantGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); syscall.Kill(pid, 0) == nil; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("process %d is still there", pid)
		}
	}
}

// nohup has a hangup ignored, and what it runs inherits that.
func TestRun_underNohup_ignoresAHangup(t *testing.T) {
	t.Parallel()
	seen := filepath.Join(t.TempDir(), "seen")
	cmd := runner(t, "sh", "-c", `echo ready >>$0; sleep 0.5; exit 4`, seen)
	cmd.Path, cmd.Args = "/usr/bin/nohup", append([]string{"nohup"}, cmd.Args...)
	if err := cmd.Start(); err != nil {
		t.Skip("there is no nohup:", err)
	}
	await(t, seen, "ready\n")
	cmd.Process.Signal(syscall.SIGHUP)
	if got := status(cmd.Wait()); got != 4 {
		t.Errorf("status %d, want 4", got)
	}
}
