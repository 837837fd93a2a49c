//go:build linux

package fronts

import (
	"bytes"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A cancelling is how a job is cancelled. The zero value is one that never is.
type cancelling struct {
	when   func()        // returns at the moment
	whom   int           // 1: the process that the CI started; -1: its process group
	signal unix.Signal   // comes first
	grace  time.Duration // until it is killed
}

// A result is what is known of a job from outside.
type result struct {
	status int
	log    string
	took   time.Duration // its end, after it was cancelled
}

// finish runs a job to its end.
func finish(t *testing.T, cmd *exec.Cmd, c cancelling) result {
	t.Helper()
	log := new(logged)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = time.Minute
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var cancelled time.Time
	if c.when != nil {
		c.when()
		cancelled = time.Now()
		whom := c.whom * cmd.Process.Pid
		unix.Kill(whom, c.signal)
		defer time.AfterFunc(c.grace, func() { unix.Kill(whom, unix.SIGKILL) }).Stop()
	}
	cmd.Wait()
	return result{status: cmd.ProcessState.ExitCode(), log: log.String(), took: time.Since(cancelled)}
}

// want compares the job's end, and says what it said if that is another.
func (r result) want(t *testing.T, status int, words ...string) {
	t.Helper()
	for _, word := range words {
		if !strings.Contains(r.log, word) {
			t.Errorf("the log has no %q", word)
		}
	}
	if r.status != status {
		t.Errorf("the job's exit status: got %d, want %d", r.status, status)
	}
	if t.Failed() {
		t.Log(r.log)
	}
}

// A logged is what a job said, from several processes.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
