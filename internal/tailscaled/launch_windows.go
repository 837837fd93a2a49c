package tailscaled

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
	"tailscale.com/safesocket"
)

// linkName is the daemon's program, in the session's directory: how a later
// process knows it as ours.
const linkName = "tailscaled.exe"

// SocketIn is the LocalAPI's named pipe for a session's directory.
func SocketIn(dir string) string { return `\\.\pipe\tailjoin-` + filepath.Base(dir) }

// alias copies a program: links need a right that runners lack.
func alias(program, path string) error {
	content, err := os.ReadFile(program)
	if err != nil {
		return err
	}
	return os.WriteFile(path, content, 0o700)
}

// Signal ends the process, whatever sig: Windows knows no other.
func Signal(pid int, _ syscall.Signal) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil // ended meanwhile
	}
	if err := process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	return nil
}

// setOwnSession keeps the runner, which ends a step's console and its process
// group, from ending the daemon.
func setOwnSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_NEW_PROCESS_GROUP | windows.DETACHED_PROCESS}
}

// dialSocket connects to the daemon's named pipe.
func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	return safesocket.ConnectContext(ctx, path)
}

// holdTUN has nothing to hold: a daemon of ours on Windows is a userspace one.
func holdTUN(*exec.Cmd) (ours io.Closer, err error) { return io.NopCloser(nil), nil }

// runOpen leaves cmd as it is: here only a path can be run.
func runOpen(*exec.Cmd, *os.File) {}

func (l launch) runApart(*exec.Cmd) (release func(), err error) {
	return nil, errors.New("only on Linux a daemon runs as a user of its own")
}

func isApart(int) bool { return false }

func neverGainRights() error { return nil }

func watchExit(pid int) <-chan struct{} {
	exited := make(chan struct{})
	go func() {
		AwaitExit(pid, 365*24*time.Hour)
		close(exited)
	}()
	return exited
}

// AwaitExit waits for a process to end, and reports whether it did.
func AwaitExit(pid int, limit time.Duration) bool {
	process, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return true
	}
	defer windows.CloseHandle(process)
	event, err := windows.WaitForSingleObject(process, uint32(limit.Milliseconds()))
	return err == nil && event == windows.WAIT_OBJECT_0
}

// tie: only Linux tells a process that its parent has ended.
func tie(*exec.Cmd) {}

// linkOpen: only Linux can link a file that has lost its name.
func linkOpen(*os.File, string) error { return errors.ErrUnsupported }
