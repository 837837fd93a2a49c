//go:build unix

package tailscaled

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// linkName is the daemon's argv[0], in the session's directory: how a later
// process knows it as ours.
const linkName = "tailscaled"

// SocketIn is the LocalAPI's socket in a session's directory. Where that path is
// too long for a socket, a ShortPath leads to it.
func SocketIn(dir string) string { return filepath.Join(dir, StateName, "s") }

// homeVariable names a user's home directory.
const homeVariable = "HOME"

// systemPath is the PATH of a daemon that may call programs of the host.
var systemPath = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}

// isShared reports that the socket of another daemon can have this path: no
// other user can write to a session's directory.
func isShared(socket string) bool { return socket == DefaultSocket }

// alias makes a program known by another path.
func alias(program, path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return os.Symlink(program, path)
}

// Signal sends sig. It is no error if the process ended meanwhile.
func Signal(pid int, sig syscall.Signal) error {
	if err := syscall.Kill(pid, sig); err != nil && err != syscall.ESRCH {
		return err
	}
	return nil
}

// tieStarted has nothing to add to tie.
func tieStarted(int) error { return nil }

// OwnProgram is ProgramOf this process.
func OwnProgram() string {
	program, _ := os.Executable()
	return program
}

// setOwnSession keeps the runner, which ends a step's process group and
// whatever holds its output, from ending the daemon.
func setOwnSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}

func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", path)
}

// control calls f with the descriptor of a connection.
func control(conn net.Conn, f func(fd int) error) error {
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	controlled := raw.Control(func(fd uintptr) { err = f(int(fd)) })
	return errors.Join(controlled, err)
}
