//go:build linux

package e2e

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A length is that of a process: in time, and in changes of the files that it
// is watched by.
type length struct {
	took    time.Duration
	changes int
}

func (l length) String() string {
	return fmt.Sprintf("%v and %d changes of files", l.took.Round(time.Millisecond), l.changes)
}

// A moment is when a process is killed, and by what.
type moment struct {
	change int           // once so many files have changed; 0 is from the start
	after  time.Duration // and this time is over
	blows  []blow
}

// A blow is a signal, and the time until the next.
type blow struct {
	signal syscall.Signal
	rest   time.Duration
}

var never = moment{change: math.MaxInt}

// moment draws one: a third of them evenly over the time that the process
// takes, the others beside a change of files, where what was done and what is
// known of it may differ.
func (s *soak) moment(l length) moment {
	if s.rand.IntN(3) == 0 {
		return moment{after: s.upTo(l.took), blows: s.blows()}
	}
	return moment{change: 1 + s.rand.IntN(l.changes), after: s.upTo(time.Millisecond), blows: s.blows()}
}

// blows draws the signals. A runner asks by SIGINT, then by SIGTERM, and kills
// in the end.
func (s *soak) blows() []blow {
	soon := s.upTo(50 * time.Millisecond)
	return [][]blow{
		{{syscall.SIGINT, 0}},
		{{syscall.SIGTERM, 0}},
		{{syscall.SIGINT, soon}, {syscall.SIGKILL, 0}},
		{{syscall.SIGINT, soon}, {syscall.SIGTERM, soon}, {syscall.SIGKILL, 0}},
		{{syscall.SIGKILL, 0}}, {{syscall.SIGKILL, 0}}, {{syscall.SIGKILL, 0}}, {{syscall.SIGKILL, 0}},
	}[s.rand.IntN(8)]
}

func (s *soak) upTo(d time.Duration) time.Duration { return time.Duration(s.rand.Int64N(int64(d) + 1)) }

// A death is the end of a process that was to be killed.
type death struct {
	finished
	length
	verb   string
	hit    bool // it still ran
	killed bool // and ended by the signal, without a word
	blows  []blow
}

func (d death) String() string {
	if !d.hit {
		return d.verb + " was done before its moment"
	}
	return fmt.Sprintf("%s killed by %s after %v and %d changes, having said\n%s", d.verb, d.signals(), d.took, d.changes, d.text())
}

func (d death) signals() string {
	var names []string
	for _, b := range d.blows {
		names = append(names, unix.SignalName(b.signal))
	}
	return strings.Join(names, ", ")
}

// killAt runs tailjoin and kills it at its moment, if that comes.
func (w *world) killAt(m moment, args ...string) death {
	w.t.Helper()
	if args[0] == "join" && m.change > 0 { // as the action's hook does; the others make it themselves
		w.mustMake(w.session, 0o700)
	}
	files := w.watch(w.session, w.cache())
	defer files.close()
	var words bytes.Buffer
	cmd := w.program(args...)
	cmd.Stdout, cmd.Stderr = &words, &words
	began := time.Now()
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	d := death{verb: args[0], blows: m.blows}
	if files.await(m.change, cmd.Process.Pid) && rest(m.after, ended) {
		d.length = length{time.Since(began), files.count()}
		d.hit = m.strike(cmd.Process, ended)
	}
	<-ended
	if !d.hit {
		d.length = length{time.Since(began), files.count()}
	}
	d.finished = finished{cmd.ProcessState.ExitCode(), words.String()}
	d.killed = cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled()
	return d
}

// strike reports whether the process still ran.
func (m moment) strike(p *os.Process, ended <-chan struct{}) (hit bool) {
	for _, b := range m.blows {
		if p.Signal(b.signal) != nil {
			return hit
		}
		hit = true
		if !rest(b.rest, ended) {
			return hit
		}
	}
	return hit
}

// rest reports false if the process ended meanwhile.
func rest(d time.Duration, ended <-chan struct{}) bool {
	select {
	case <-time.After(d):
		return true
	case <-ended:
		return false
	}
}
