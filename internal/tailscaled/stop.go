package tailscaled

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Limits of the steps by which a daemon ends.
const (
	politely = 10 * time.Second // it logs out, and takes its routes and resolver settings down
	firmly   = 5 * time.Second
)

// Stopping ends the daemon of one session, from any process.
type Stopping struct {
	Dir      string // of the session
	PID      int    // as it was noted; 0 if it was not
	TUN      bool   // it had a network interface
	Sudo     bool   // it is root's and we are not
	StateDir string // where it kept its state outside of Dir; "" is nowhere
	Self     string // this program, for sudo to run again

	Socket    string // to remove, if nothing answers there any more; "" means no socket
	SocketDir bool   // remove its directory too: it was not there before

	AtOnce bool          // by SIGKILL: it has nothing to log out, restore or save
	Limit  time.Duration // for the daemon to end by itself; 0 is ten seconds
}

// ErrStillRuns means that a daemon could not be ended.
var ErrStillRuns = errors.New("tailscaled still runs")

// Stop ends every daemon that was started from the session's directory, and
// restores what one changed of the machine that could not do it itself. It is
// done when the processes are gone; nothing to stop is no error. Nothing is run
// out of the session, and nothing in it is read.
func (s Stopping) Stop(ctx context.Context) error {
	if s.Sudo {
		return runAsRoot(ctx, s.Self, "stop", s.Dir, s, &struct{}{})
	}
	pids := s.processes()
	byItself := len(pids) > 0
	var errs []error
	for _, pid := range pids {
		killed, err := s.end(pid)
		errs = append(errs, err)
		byItself = byItself && !killed
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if s.TUN {
		if err := s.restore(ctx, !byItself); err != nil {
			return err
		}
	}
	return s.sweep()
}

// processes lists the processes of the right owner whose first argument is the session's
// own link: a number alone may belong to another process by now.
func (s Stopping) processes() []int {
	return processesNamed(filepath.Join(s.Dir, linkName), s.PID, daemonIn(s.Dir))
}

// end ends a daemon. killed means that it had no time to restore anything.
func (s Stopping) end(pid int) (killed bool, err error) {
	if s.AtOnce {
		return true, kill(pid)
	}
	if err := Signal(pid, syscall.SIGTERM); err != nil {
		return false, fmt.Errorf("stopping tailscaled (pid %d): %w", pid, err)
	}
	if AwaitExit(pid, cmp.Or(s.Limit, politely)) {
		return false, nil
	}
	return true, kill(pid)
}

func kill(pid int) error {
	if err := Signal(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("killing tailscaled (pid %d): %w", pid, err)
	}
	if !AwaitExit(pid, firmly) {
		return fmt.Errorf("%w (pid %d)", ErrStillRuns, pid)
	}
	return nil
}

// sweep removes the socket that a killed daemon leaves.
func (s Stopping) sweep() error {
	if s.Socket == "" || Answers(s.Socket) {
		return nil
	}
	if err := os.Remove(s.Socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing the daemon's socket: %w", err)
	}
	if s.SocketDir {
		os.Remove(filepath.Dir(s.Socket)) // only if it is empty
	}
	return nil
}

// Answers reports that a daemon listens on a socket.
func Answers(socket string) bool {
	conn, err := dialSocket(context.Background(), socket)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}
