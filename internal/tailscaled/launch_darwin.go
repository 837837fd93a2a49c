package tailscaled

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// maxSocketPath is the longest path that a Unix socket can have: sys/un.h.
const maxSocketPath = 103

// holdTUN has the daemon hold the lock on this machine's one Tailscale
// interface, for as long as it lives. Close our side once it has started.
func holdTUN(cmd *exec.Cmd) (ours io.Closer, err error) {
	lock, err := takeLock(lockName)
	if err != nil {
		return nil, fmt.Errorf("another join on this machine took the network interface first: %w", err)
	}
	cmd.ExtraFiles = append(cmd.ExtraFiles, lock)
	return lock, nil
}

// takeLock waits for a moment for a daemon that is about to end. The lock
// belongs to the open file, which the daemon inherits.
func takeLock(name string) (*os.File, error) {
	lock, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(burial); ; <-time.After(glance) {
		err = syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return lock, nil
		}
		if time.Now().After(deadline) {
			lock.Close()
			return nil, err
		}
	}
}

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

// tie: only Linux tells a process that its parent has ended.
func tie(*exec.Cmd) {}

// linkOpen: only Linux can link a file that has lost its name.
func linkOpen(*os.File, string) error { return errors.ErrUnsupported }
