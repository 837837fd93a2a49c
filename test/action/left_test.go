//go:build linux

package action

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wantNoProcess fails the test for every process that a job left behind.
// The machine is ours alone: its first process and this one are all that should be there.
func wantNoProcess(t *testing.T) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil || pid == 1 || pid == os.Getpid() {
			continue
		}
		if line, _ := os.ReadFile(filepath.Join(name, "cmdline")); !ends(pid, 3*time.Second) {
			t.Errorf("process %d is left: %s", pid, bytes.ReplaceAll(line, []byte{0}, []byte(" ")))
		}
	}
}

// ends says whether the process ends in time; it may be on its way already.
func ends(pid int, within time.Duration) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(within.Milliseconds()))
	return n > 0
}
