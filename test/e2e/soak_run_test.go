//go:build linux

package e2e

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// TestSoak_run kills `tailjoin run` at random moments. One that was asked to
// end leaves nothing; after one that was killed a leave does.
func TestSoak_run(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	t.Logf("-seed=%d draws the same moments again", *seed)
	s := &soak{T: t, rand: rand.New(rand.NewPCG(*seed, 1)), signals: counts{}}
	for _, network := range []string{"userspace", "tun"} {
		// The daemon ends with the run: of a login that was under way it does not hear.
		w := newWorld(t, localtailnet.Options{Latency: 5 * time.Millisecond, EphemeralTimeout: time.Second})
		args := runArgs([]string{"--network=" + network, "--session=" + w.session}, "sleep", "0.1")
		whole := s.runOnce(w, never, args)
		for s.rounds = 0; s.rounds < *kills/2 && !t.Failed(); s.rounds++ {
			s.runOnce(w, s.moment(whole), args)
		}
	}
	t.Logf("%d processes killed, by signals:\n%s", s.killed, s.signals)
}

// runOnce runs, kills that at its moment, and wants nothing left.
func (s *soak) runOnce(w *world, m moment, args []string) length {
	before := w.traces()
	w.mustMake(w.session, 0o700) // where what it writes can be watched
	d := w.killAt(m, args...)
	if d.hit {
		s.killed++
		s.signals[d.signals()]++
	}
	if !d.killed {
		w.mustWait(func() bool { return len(w.jobNodes()) == 0 })
		s.wantTraces(before, w, d)
	}
	left := w.run("leave")
	w.mustWait(func() bool { return len(w.jobNodes()) == 0 })
	s.wantTraces(before, w, d)
	if left.status != 0 || strings.Contains(left.words, "::warning") {
		s.Errorf("leave ended with %d:\n%s", left.status, left.text())
	}
	return d.length
}

func (s *soak) wantTraces(before map[string]string, w *world, d death) {
	s.Helper()
	if diff := cmp.Diff(before, w.traces()); diff != "" {
		s.Errorf("something is left (-before +after):\n%s\n%s", diff, d)
	}
}
