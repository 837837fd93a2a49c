package server

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Requests that anyone can make must not fill a disk. A request that comes too
// often has no line of its own. Neither has a refusal of a caller that is not a
// node of the tailnet, beyond what strangerLines allows. They are counted, and
// the sum of each kind is a line at most once in sumEvery.
const (
	sumEvery = time.Minute
	mostSums = 64 // kinds; of further nodes there is one sum

	strangerLines = 100 // at once
	strangerPause = time.Minute
)

// sums are refusals that have no line of their own.
type sums struct {
	mu      sync.Mutex
	lines   *rate.Limiter
	counts  map[sumKey]int
	since   time.Time
	summary func(context.Context, Entry) error
}

type sumKey struct{ event, outcome, node, name string }

func (s *sums) init(write func(context.Context, Entry) error) {
	s.lines = rate.NewLimiter(rate.Every(strangerPause), strangerLines)
	s.counts = map[sumKey]int{}
	s.summary = write
}

// take counts an entry that is to have no line of its own.
func (s *sums) take(e Entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	isStranger := e.Outcome != outcomeIssued && e.Node == ""
	if e.Outcome != string(rateLimited) && (!isStranger || s.lines.AllowN(e.Time, 1)) {
		return false
	}
	if len(s.counts) == 0 {
		s.since = e.Time
	}
	key := sumKey{e.Event, e.Outcome, e.Node, e.Name}
	if s.counts[key] == 0 && len(s.counts) >= mostSums {
		key.node, key.name = "", ""
	}
	s.counts[key]++
	return true
}

// flush writes the sums down if it is time. What cannot be written is counted
// on.
func (s *sums) flush(ctx context.Context, now time.Time, after time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.counts) == 0 || now.Sub(s.since) < after {
		return
	}
	for key, n := range s.counts {
		e := Entry{Time: now.UTC(), Event: key.event, Outcome: key.outcome, Node: key.node, Name: key.name, Count: n, Since: s.since}
		if s.summary(ctx, e) == nil {
			delete(s.counts, key)
		}
	}
	s.since = now.UTC()
}

// Close writes down what was only counted so far.
func (s *Server) Close() {
	s.sums.flush(context.Background(), s.now(), 0)
}
