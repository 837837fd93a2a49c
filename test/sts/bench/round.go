//go:build linux

package main

import (
	"context"
	"os"
	"slices"
	"time"
)

// A round is what a subject did while the load tool asked as fast as it could.
type round struct {
	tokens int64
	took   time.Duration
	cpu    time.Duration // of the subject
	tool   time.Duration // CPU of the load tool
	warm   bool          // it was for warming up
}

func (r round) perSecond() float64 { return float64(r.tokens) / r.took.Seconds() }

// each is the time of a core that one token took, in microseconds.
func (r round) each(of time.Duration) float64 { return float64(of.Microseconds()) / float64(r.tokens) }

func (s subject) round(ctx context.Context, tokens int64, limit time.Duration, each func(int64)) (r round, err error) {
	tool := process(os.Getpid())
	before, err := cpus(s.process, tool)
	if err != nil {
		return r, err
	}
	r.tokens, r.took, err = closed(ctx, s.door, tokens, limit, each)
	if err != nil {
		return r, err
	}
	after, err := cpus(s.process, tool)
	if err != nil {
		return r, err
	}
	r.cpu, r.tool = after[0]-before[0], after[1]-before[1]
	return r, nil
}

func cpus(of ...process) (all []time.Duration, err error) {
	for _, p := range of {
		used, err := p.cpu()
		if err != nil {
			return nil, err
		}
		all = append(all, used)
	}
	return all, nil
}

// A sample is the memory of the service after so many tokens.
type sample struct {
	tokens int64
	bytes  int64
}

const samples = 50

// watch looks at the service's memory again and again while it gives out
// tokens.
func (f *findings) watch(ctx context.Context, s subject, tokens int64) (err error) {
	taken := make(chan sample, samples+1)
	step := max(tokens/samples, 1)
	f.whole, err = s.round(ctx, tokens, time.Hour, func(n int64) {
		if n%step != 0 {
			return
		}
		if now, err := s.memory(); err == nil {
			taken <- sample{n, now}
		}
	})
	close(taken)
	for one := range taken {
		f.memory = append(f.memory, one)
	}
	slices.SortFunc(f.memory, func(a, b sample) int { return int(a.tokens - b.tokens) })
	return err
}

// tokens are all that the service gave out while it was measured.
func (f *findings) tokens() int64 {
	n := f.whole.tokens + int64(len(f.open[service]))
	for _, r := range f.rounds[service] {
		n += r.tokens
	}
	return n
}
