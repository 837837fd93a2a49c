package action

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// wantNoProcess fails the test for every process that a job left behind. This process is a subreaper,
// so whatever a job started is still below it, own session or not.
func wantNoProcess(t *testing.T) {
	t.Helper()
	for _, p := range descendants(t) {
		if !ends(p.pid, 3*time.Second) {
			t.Errorf("process %d is left: %s", p.pid, p.command)
		}
	}
}

type process struct {
	pid, parent int
	state       string // "Z": ended, and nobody has asked how
	command     string
}

func descendants(t *testing.T) []process {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	all := map[int][]process{}
	for _, stat := range stats {
		if p, err := readProcess(stat); err == nil && p.state != "Z" {
			all[p.parent] = append(all[p.parent], p)
		}
	}
	below := slices.Clone(all[os.Getpid()])
	for i := 0; i < len(below); i++ {
		below = append(below, all[below[i].pid]...)
	}
	return below
}

// readProcess reads /proc/PID/stat: "PID (name) state parent …", where the name may hold blanks and brackets.
func readProcess(stat string) (process, error) {
	text, err := os.ReadFile(stat)
	if err != nil {
		return process{}, err
	}
	head, tail, _ := strings.Cut(string(text), " (")
	fields := strings.Fields(tail[strings.LastIndex(tail, ")")+1:])
	pid, err := strconv.Atoi(head)
	if err != nil {
		return process{}, fmt.Errorf("reading %s: %w", stat, err)
	}
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return process{}, fmt.Errorf("reading %s: %w", stat, err)
	}
	line, _ := os.ReadFile(filepath.Join(filepath.Dir(stat), "cmdline"))
	return process{pid: pid, parent: parent, state: fields[0], command: strings.ReplaceAll(string(line), "\x00", " ")}, nil
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
