//go:build linux

package e2e

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// A watch counts what is made, renamed and removed in directories: inotify(7).
type watch struct {
	t       *testing.T
	events  int // descriptor
	changes int
}

// watch watches those of the directories that are there.
func (w *world) watch(dirs ...string) *watch {
	w.t.Helper()
	events, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, dir := range dirs {
		_, err := unix.InotifyAddWatch(events, dir, unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_DELETE)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			w.t.Fatal(err)
		}
	}
	return &watch{t: w.t, events: events}
}

func (w *watch) close() { unix.Close(w.events) }

// await returns true after n changes in all, false if the process ended before.
func (w *watch) await(n, pid int) bool {
	w.t.Helper()
	process, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	defer unix.Close(process)
	for w.count() < n {
		waits := []unix.PollFd{{Fd: int32(w.events), Events: unix.POLLIN}, {Fd: int32(process), Events: unix.POLLIN}}
		if _, err := unix.Poll(waits, -1); err != nil && !errors.Is(err, unix.EINTR) {
			w.t.Fatal(err)
		}
		if waits[1].Revents != 0 {
			return w.count() >= n
		}
	}
	return true
}

// count is the number of changes so far.
func (w *watch) count() int {
	buffer := make([]byte, 16<<10)
	for {
		n, err := unix.Read(w.events, buffer)
		if err != nil || n <= 0 {
			return w.changes
		}
		for rest := buffer[:n]; len(rest) >= unix.SizeofInotifyEvent; w.changes++ {
			name := binary.NativeEndian.Uint32(rest[unix.SizeofInotifyEvent-4:]) // its length
			rest = rest[unix.SizeofInotifyEvent+int(name):]
		}
	}
}
