package server

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// buckets are upper bounds of times, in seconds.
var buckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .1, .5, 1, 5}

// A histogram counts times by how long they are.
type histogram struct {
	within []atomic.Int64 // by bucket
	total  atomic.Int64   // nanoseconds
}

func newHistogram() *histogram { return &histogram{within: make([]atomic.Int64, len(buckets)+1)} }

func (h *histogram) add(took time.Duration) {
	i, _ := slices.BinarySearch(buckets, took.Seconds())
	h.within[i].Add(1)
	h.total.Add(int64(took))
}

func (h *histogram) write(b *strings.Builder, name, help string) {
	head(b, name, "histogram", help)
	var all int64
	for i, bound := range buckets {
		all += h.within[i].Load()
		fmt.Fprintf(b, "%s_bucket{le=\"%g\"} %d\n", name, bound, all)
	}
	all += h.within[len(buckets)].Load()
	fmt.Fprintf(b, "%s_bucket{le=\"+Inf\"} %d\n", name, all)
	fmt.Fprintf(b, "%s_sum %g\n", name, time.Duration(h.total.Load()).Seconds())
	fmt.Fprintf(b, "%s_count %d\n", name, all)
}
