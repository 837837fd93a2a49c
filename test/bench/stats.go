//go:build linux

package main

import (
	"slices"
	"time"
)

// times are milliseconds by name: of whole processes, and of their phases.
type times map[string]float64

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// samples are all the times of one subject.
type samples []times

// results are the samples by the name of their subject.
type results map[string]samples

// of lists what was measured under a name, the smallest first.
func (s samples) of(name string) []float64 {
	var values []float64
	for _, t := range s {
		if v, ok := t[name]; ok {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return values
}

// median is the middle one, or between the two in the middle; 0 if there are
// none.
func (s samples) median(name string) float64 {
	values := s.of(name)
	n := len(values)
	if n == 0 {
		return 0
	}
	return (values[(n-1)/2] + values[n/2]) / 2
}
