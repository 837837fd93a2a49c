//go:build linux

package wine

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	tailscaleroot "tailscale.com"
)

var daemonVersion = strings.TrimSpace(tailscaleroot.VersionDotTxt)

// delay has the tailnet take its time with a kind of request. Two seconds are enough to kill who asks, and less than a leave waits.
func (w *world) delay(op string, d time.Duration) {
	w.t.Helper()
	if err := w.SetFault(op, localtailnet.Fault{Delay: d}); err != nil {
		w.t.Fatal(err)
	}
}

// mustAsk waits until the job has made a request of a kind.
func (w *world) mustAsk(op string) {
	w.t.Helper()
	w.wait("a request of the kind "+op, func() bool {
		for _, event := range w.Events() {
			if event.Op == op {
				return true
			}
		}
		return false
	})
}

// mustRun waits until a program runs.
func (w *world) mustRun(program string) {
	w.t.Helper()
	w.wait(program, func() bool { return len(w.Processes(program)) > 0 })
}

func (w *world) wait(what string, happened func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !happened(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatalf("waited in vain for %s", what)
		}
	}
}

func (w *world) killDaemon() {
	w.t.Helper()
	w.kill("tailscaled.exe")
}

// kill ends a program's processes, and nothing that they started.
func (w *world) kill(program string) {
	w.t.Helper()
	for _, pid := range w.PIDs(program) {
		if id, err := strconv.Atoi(pid); err == nil {
			syscall.Kill(id, syscall.SIGKILL)
		}
	}
	w.wait("the end of "+program, func() bool { return len(w.Processes(program)) == 0 })
}

func (w *world) remove(path string) {
	w.t.Helper()
	if err := os.Remove(w.File(path)); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) removeAll(path string) {
	w.t.Helper()
	if err := os.RemoveAll(w.File(path)); err != nil {
		w.t.Fatal(err)
	}
}

// shortName is a path as DOS would have it: C:\USERS~1.
func (w *world) shortName(path string) string {
	w.t.Helper()
	got := finish(w.t, w.command("winepath", "-s", path))
	short := strings.TrimSpace(got.words)
	if !strings.Contains(short, "~") {
		w.t.Fatalf("the short name of %s is %q", path, short)
	}
	return short
}
