//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// closeOutputs has a process write to pipes that nothing reads any more.
func closeOutputs(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	pipe := func() *os.File {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		t.Cleanup(func() { w.Close() })
		return w
	}
	cmd.Stdout, cmd.Stderr = pipe(), pipe()
}

// Leave has something to say in each of these cases, and nothing reads it.
func TestLeave_toAClosedOutput_leaves(t *testing.T) {
	for name, spoil := range map[string]func(*world){
		"all is well": func(*world) {}, "the daemon is gone": (*world).killDaemon,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{})
			w.vars["RUNNER_DEBUG"] = "1"
			w.mustJoin("--network=userspace")
			spoil(w)
			leave := w.program("leave")
			closeOutputs(t, leave)
			if err := leave.Run(); err != nil {
				t.Errorf("leave: %v", err)
			}
			w.wantNothingLeft()
		})
	}
}

func TestJoin_toAClosedOutput_joins(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	join := w.program("join", "--network=userspace")
	closeOutputs(t, join)
	if err := join.Run(); err != nil {
		t.Errorf("join: %v", err)
	}
	if nodes := w.jobNodes(); len(nodes) != 1 {
		t.Errorf("nodes: %v, want one", nodes)
	}
	w.mustLeave()
	w.wantNothingLeft()
}

func TestRun_toAClosedOutput_leaves(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	run := w.program("run", "--network=userspace", "--", "sh", "-c", "exit 3")
	closeOutputs(t, run)
	run.Run()
	if got := run.ProcessState.ExitCode(); got != 3 {
		t.Errorf("run ended with %v, want status 3", run.ProcessState)
	}
	w.wantNothingLeft()
}

// A command of a run dies of a closed pipe, as it does outside of one.
func TestRun_itsCommandStillDiesOfAClosedPipe(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	got := w.run("run", "--network=userspace", "--", "sh", "-c", "(yes; echo status $? >&2) | head -n 1")
	if !strings.Contains(got.words, "status 141\n") {
		t.Errorf("yes did not end with 141:\n%s", got.words)
	}
	w.wantNothingLeft()
}
