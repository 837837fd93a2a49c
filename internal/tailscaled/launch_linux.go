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

// nobody is the user without rights, on every Linux.
const nobody = 65534

// becomeNobody has the daemon run without any right over the host. It gets a
// copy of its program and a directory of its own, since ours and the cache
// may be root's alone.
func (l launch) becomeNobody(cmd *exec.Cmd) error {
	// 0711: nobody may pass through to what is its own, but see nothing.
	if err := os.Chmod(l.Dir, 0o711); err != nil {
		return err
	}
	program := filepath.Join(l.Dir, linkName)
	if err := replaceByCopy(program); err != nil {
		return fmt.Errorf("copying tailscaled: %w", err)
	}
	for _, dir := range []string{filepath.Join(l.Dir, stateName), filepath.Join(l.Dir, pathName)} {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			return err
		}
	}
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	return passThrough(cmd)
}

// passThrough lets a daemon that is nobody get to its directory where nobody
// may not pass, as below /root: it may read everything, and write nothing more.
// The kernel gives it that right with its program, so that it has to find the
// program without.
func passThrough(cmd *exec.Cmd) error {
	if !hasCapability(unix.CAP_DAC_READ_SEARCH) {
		return nil
	}
	program, err := os.Open(cmd.Path)
	if err != nil {
		return err
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, program)
	cmd.Path = fmt.Sprintf("/proc/self/fd/%d", 2+len(cmd.ExtraFiles))
	cmd.Dir = "/"
	cmd.SysProcAttr.AmbientCaps = []uintptr{unix.CAP_DAC_READ_SEARCH}
	return nil
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
	if err := to.Close(); err != nil {
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
