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

	forCaller bool // root does this for the user who called sudo, and who may have chosen every field above
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
	if err := errors.Join(append(errs, s.checkSilent())...); err != nil {
		return err
	}
	if s.TUN {
		if err := s.restore(ctx, !byItself); err != nil {
			return err
		}
	}
	return s.sweep()
}

// processes lists the processes of the right owner that are the session's daemon
// by their command line: a number alone may belong to another process by now.
// Where command lines do not tell, as without /proc, the daemon's socket does.
func (s Stopping) processes() []int {
	by := daemonIn(s.Dir)
	named := processesNamed(filepath.Join(s.Dir, linkName), s.PID, by)
	if len(named) > 0 || s.forCaller {
		return named
	}
	if pid, user := s.listener(); pid > 0 && by(user) {
		return []int{pid}
	}
	return nil
}

// listener is the process that listens on the daemon's socket, and its user. The
// pid is 0 if that is not the daemon: where `tailscale` looks for one, it must be
// the one that was noted.
func (s Stopping) listener() (pid int, user userIDs) {
	if !s.TUN {
		return listenerAt(SocketIn(s.Dir))
	}
	pid, user = listenerAt(DefaultSocket)
	if pid != s.PID {
		pid = 0
	}
	return pid, user
}

// checkSilent returns an error if the daemon still answers, since no process
// could be told to be it.
func (s Stopping) checkSilent() error {
	if pid, _ := s.listener(); pid > 0 {
		return fmt.Errorf("%w: its socket answers (pid %d), but nothing else shows that this process is ours", ErrStillRuns, pid)
	}
	return nil
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
