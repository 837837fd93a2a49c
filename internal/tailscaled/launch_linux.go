package tailscaled

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/tailjoin/tailjoin/internal/private"
	"golang.org/x/sys/unix"
)

// holdTUN has the daemon hold the lock on this machine's one Tailscale
// interface, for as long as it lives. Close our side once it has started.
func holdTUN(cmd *exec.Cmd) (ours io.Closer, err error) {
	lock, err := takeLock()
	if err != nil {
		return nil, errors.New("another join on this machine took the network interface first")
	}
	file, err := lock.(*net.UnixListener).File()
	lock.Close()
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, file)
	return file, nil
}

// takeLock waits for a moment for a daemon that is about to end.
func takeLock() (lock net.Listener, err error) {
	for deadline := time.Now().Add(burial); ; <-time.After(glance) {
		lock, err = net.Listen("unix", lockName)
		if err == nil || Answers(DefaultSocket) || time.Now().After(deadline) {
			return lock, err
		}
	}
}

// maxSocketPath is the longest path that a Unix socket can have: unix(7).
const maxSocketPath = 107

// tie has the kernel ask the daemon to end when the thread that starts it does.
// It then logs out as on any end.
func tie(cmd *exec.Cmd) { cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM }

// apartIDs are the user IDs of daemons that run apart. systemd gives them to
// services for as long as they run, so no distribution has users there
// (https://systemd.io/UIDS-GIDS).
var apartIDs = struct{ first, last int }{61184, 65519}

func isApart(uid int) bool { return apartIDs.first <= uid && uid <= apartIDs.last }

// apartID chooses a user ID that no user and no process has: another process
// with the same one could read the daemon's memory, which holds its keys.
func apartID() (int, error) {
	taken := takenIDs()
	count := apartIDs.last - apartIDs.first + 1
	start := rand.IntN(count)
	for i := range count {
		if id := apartIDs.first + (start+i)%count; !taken[id] && private.IsMapped(id) {
			return id, nil
		}
	}
	return 0, errors.New("this user namespace has no unused user ID for a daemon of its own")
}

// takenIDs are the IDs of users and of processes.
func takenIDs() map[int]bool {
	taken := map[int]bool{}
	for _, id := range private.UserIDs() {
		taken[id] = true
	}
	processes(func(pid int) bool {
		return belongsTo(pid, func(u userIDs) bool {
			taken[u.real], taken[u.effective] = true, true
			return false
		})
	})
	return taken
}

// runApart has the daemon run as a user of its own, without any right over the
// host. It may not go where its program and its directory are, a root's home for
// one: both are opened here and handed on, and the daemon finds its files by
// names that are relative to the directory.
func (l launch) runApart(cmd *exec.Cmd) (release func(), err error) {
	id, err := apartID()
	if err != nil {
		return nil, err
	}
	if err := l.dir.Lchown(StateName, id, id); err != nil {
		return nil, err
	}
	program, err := l.programForAll()
	if err != nil {
		return nil, err
	}
	dir, err := l.dir.Open(StateName)
	if err != nil {
		program.Close()
		return nil, err
	}
	runOpen(cmd, program)
	cmd.Dir = handed(dir)
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(id), Gid: uint32(id)}
	return func() { program.Close(); dir.Close() }, nil
}

// runOpen has cmd run an open file, whatever has its name by now. The process
// keeps the file: a script is opened again by its interpreter.
func runOpen(cmd *exec.Cmd, program *os.File) {
	if !exists("/proc/self/fd") {
		return
	}
	cmd.Path = fmt.Sprintf("/proc/self/fd/%d", 3+len(cmd.ExtraFiles))
	cmd.ExtraFiles = append(cmd.ExtraFiles, program)
}

// neverGainRights keeps what the calling thread starts from gaining rights by a
// setuid program.
func neverGainRights() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }

// handed is the path by which a forked process reaches an open file, whatever
// it may do with the directories on the way.
func handed(file *os.File) string { return fmt.Sprintf("/proc/self/fd/%d", file.Fd()) }

// linkOpen gives an open file another name.
func linkOpen(f *os.File, name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return unix.Linkat(unix.AT_FDCWD, handed(f), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
}

// programForAll opens the daemon's program once more, or a copy if only its
// owner may run it.
func (l launch) programForAll() (*os.File, error) {
	program, err := l.open()
	if err != nil {
		return nil, err
	}
	info, err := program.Stat()
	if err == nil && info.Mode()&0o001 != 0 {
		return program, nil
	}
	defer program.Close()
	if err != nil {
		return nil, err
	}
	return copyForAll(program, filepath.Join(l.Dir, linkName))
}

func (l launch) open() (*os.File, error) {
	if l.program == nil {
		return os.Open(filepath.Join(l.Dir, linkName))
	}
	return reopen(l.program)
}

// copyForAll replaces what has a name by a copy of a program that everybody may
// run, and opens that.
func copyForAll(program *os.File, name string) (*os.File, error) {
	copied := name + ".copy"
	to, err := os.OpenFile(copied, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o755)
	if err != nil {
		return nil, err
	}
	defer to.Close()
	if _, err := io.Copy(to, program); err != nil {
		return nil, err
	}
	if err := to.Chmod(0o755); err != nil { // whatever the umask
		return nil, err
	}
	file, err := closeProgram(context.Background(), to)
	if err != nil {
		return nil, err
	}
	return file, os.Rename(copied, name)
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
	if errors.Is(err, unix.ESRCH) {
		return true
	}
	if err != nil { // before Linux 5.3, in gVisor, or forbidden by a container's seccomp filter
		return pollExit(pid, limit)
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

// pollExit is AwaitExit without a descriptor of the process.
func pollExit(pid int, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); !hasExited(pid); <-time.After(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

// hasExited also holds for a zombie: its parent may never wait for it.
func hasExited(pid int) bool {
	if errors.Is(syscall.Kill(pid, 0), unix.ESRCH) {
		return true
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	state := stat[bytes.LastIndexByte(stat, ')')+1:]
	return err == nil && (bytes.HasPrefix(state, []byte(" Z")) || bytes.HasPrefix(state, []byte(" X")))
}
