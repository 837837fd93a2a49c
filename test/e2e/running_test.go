//go:build linux

package e2e

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"testing"
	"time"
)

// A running is a tailjoin that was not waited for.
type running struct {
	t     *testing.T
	cmd   *exec.Cmd
	words bytes.Buffer
	ended chan error
}

// begin starts tailjoin. It is killed when the test ends, if it still runs.
func (w *world) begin(args ...string) *running {
	w.t.Helper()
	r := &running{t: w.t, cmd: w.command(os.Getenv(tailjoin), args...), ended: make(chan error, 1)}
	r.cmd.Stdout, r.cmd.Stderr = &r.words, &r.words
	if err := r.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	go func() { r.ended <- r.cmd.Wait() }()
	w.t.Cleanup(func() { r.cmd.Process.Kill() })
	return r
}

// signal sends a signal to the process.
func (r *running) signal(sig os.Signal) {
	r.t.Helper()
	if err := r.cmd.Process.Signal(sig); err != nil {
		r.t.Fatal(err)
	}
}

// end waits for the process to end by itself, and fails the test if it takes
// longer than limit.
func (r *running) end(limit time.Duration) finished {
	r.t.Helper()
	select {
	case err := <-r.ended:
		if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
			r.t.Fatal(err)
		} else if ok {
			return finished{exit.ExitCode(), r.words.String()}
		}
		return finished{0, r.words.String()}
	case <-time.After(limit):
		r.t.Fatalf("it still runs after %v", limit)
		return finished{}
	}
}
