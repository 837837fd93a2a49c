package tailscaled

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

// maxSocketPath is the longest path that a Unix socket can have: sys/un.h.
const maxSocketPath = 103

// holdTUN has nothing to hold: every utun is an interface of its own.
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

// tie: only Linux tells a process that its parent has ended.
func tie(*exec.Cmd) {}

// linkOpen: only Linux can link a file that has lost its name.
func linkOpen(*os.File, string) error { return errors.ErrUnsupported }
