//go:build linux

package main

import (
	"fmt"
	"slices"
	"time"
)

// A target is a figure that was to be reached.
type target struct {
	what string
	met  bool
	how  string // the figure, its limit, and what that is made of
}

func allMet(targets []target) bool {
	return !slices.ContainsFunc(targets, func(t target) bool { return !t.met })
}

const (
	leastPerSecond = 10_000
	mostOverhead   = 1.5 // times the bare handler
	longest        = 10 * time.Millisecond
	mostGrowth     = 1.1 // of the second half to the first
)

// targets are those of the token service. Overhead is measured in CPU and not
// in tokens a second, of which the load tool takes its share on both sides.
func (f *findings) targets() []target {
	perSecond := median(f.of(service, round.perSecond))
	own, least := median(f.of(service, ownCPU)), median(f.of(bare, ownCPU))
	p99 := f.open[service].at(.99)
	first, second := f.halves()
	return []target{
		{"tokens a second", perSecond >= leastPerSecond, fmt.Sprintf("%.0f\t≥ %d", perSecond, leastPerSecond)},
		{"CPU of a token, against the bare handler", own <= mostOverhead*least,
			fmt.Sprintf("%.2f ×\t≤ %.1f ×\t: %.1f µs / %.1f µs", own/least, mostOverhead, own, least)},
		{fmt.Sprintf("p99 at %d a second", rate), p99 < longest, fmt.Sprintf("%.2f ms\t< %.0f ms", ms(p99), ms(longest))},
		{fmt.Sprintf("memory over %d tokens", f.whole.tokens), float64(second) <= mostGrowth*float64(first),
			fmt.Sprintf("%.2f ×\t≤ %.1f ×\t: most in the second half, %.1f MB / in the first, %.1f MB", float64(second)/float64(first), mostGrowth, megabytes(second), megabytes(first))},
	}
}

// halves are the most memory that was seen in either half of the tokens.
func (f *findings) halves() (first, second int64) {
	for _, s := range f.memory {
		if s.tokens <= f.whole.tokens/2 {
			first = max(first, s.bytes)
		} else {
			second = max(second, s.bytes)
		}
	}
	return first, second
}
