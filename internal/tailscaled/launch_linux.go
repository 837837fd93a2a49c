package tailscaled

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// holdTUN has the daemon hold the lock on this machine's one Tailscale
// interface, for as long as it lives.
func holdTUN(cmd *exec.Cmd) error {
	lock, err := net.Listen("unix", lockName)
	if err != nil {
		return errors.New("another join on this machine took the network interface first")
	}
	file, err := lock.(*net.UnixListener).File()
	lock.Close()
	if err != nil {
		return err
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	return nil
}

// tie has the kernel ask the daemon to end when the thread that starts it does.
// It then logs out as on any end.
func tie(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM }

// nobody is the user without rights, on every Linux.
const nobody = 65534

// becomeNobody has the daemon run without any right over the host. It may not
// go where its program and its directory are, a root's home for one: both are
// opened here and handed on, and the daemon finds its files by names that are
// relative to the directory.
func (l launch) becomeNobody(cmd *exec.Cmd) (release func(), err error) {
	state := filepath.Join(l.Dir, stateName)
	if err := os.Chown(state, nobody, nobody); err != nil {
		return nil, err
	}
	program, err := l.programForAll()
	if err != nil {
		return nil, err
	}
	dir, err := os.Open(state)
	if err != nil {
		program.Close()
		return nil, err
	}
	cmd.Path, cmd.Dir = handed(program), handed(dir)
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	return func() { program.Close(); dir.Close() }, nil
}

// handed is the path by which a forked process reaches an open file, whatever
// it may do with the directories on the way.
func handed(file *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", file.Fd()) }

// programForAll opens the daemon's program, or a copy if only its owner may
// run it.
func (l launch) programForAll() (*os.File, error) {
	path := filepath.Join(l.Dir, linkName)
	info, err := os.Stat(path)
	if err == nil && info.Mode()&0o001 == 0 {
		err = replaceByCopy(path)
	}
	if err != nil {
		return nil, err
	}
	return os.Open(path)
}

// replaceByCopy turns a link into a copy of what it points to.
func replaceByCopy(link string) error {
	from, err := os.Open(link)
	if err != nil {
		return err
	}
	defer from.Close()
	copied := link + ".copy"
	to, err := os.OpenFile(copied, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		return err
	}
	if err := errors.Join(to.Chmod(0o755), to.Close()); err != nil { // whatever the umask
		return err
	}
	return os.Rename(copied, link)
}

// watchExit closes its channel when a process that is no child of ours ends.
func watchExit(pid int) <-chan struct{} {
	exited := make(chan struct{})
	go func() {
		AwaitExit(pid, time.Hour*24*365)
		close(exited)
	}()
	return exited
}

// AwaitExit waits for a process to end, and reports whether it did.
func AwaitExit(pid int, limit time.Duration) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return errors.Is(err, unix.ESRCH)
	}
	defer unix.Close(fd)
	for deadline := time.Now().Add(limit); ; {
		left := time.Until(deadline)
		if left <= 0 {
			return false
		}
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(min(left.Milliseconds()+1, 1<<30)))
		if n == 1 {
			return true
		}
		if err != nil && !errors.Is(err, unix.EINTR) {
			return false
		}
	}
}
