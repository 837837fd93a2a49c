//go:build unix

package tailscaled

import (
	"context"
	"net"
	"os/exec"
	"syscall"
)

// setOwnSession keeps the runner, which ends a step's process group and
// whatever holds its output, from ending the daemon.
func setOwnSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
}

func dialSocket(ctx context.Context, path string) (net.Conn, error) {
	var dialer net.Dialer
	return dialer.DialContext(ctx, "unix", path)
}
