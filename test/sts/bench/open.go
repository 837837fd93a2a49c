//go:build linux

package main

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// rate is how many requests arrive in a second, whatever became of those
// before them.
const rate = 2000

// latencies are how long requests took, the shortest first.
type latencies []time.Duration

// at is a quantile: at(.99) is what 99 of 100 requests did not take longer than.
func (l latencies) at(quantile float64) time.Duration {
	return l[min(int(float64(len(l))*quantile), len(l)-1)]
}

// open has requests arrive at random moments, as from many callers who know
// nothing of each other: the times between them are exponentially distributed.
// Each is measured from the moment at which it was to arrive. So what waits
// since all before it is slow is slow, too, and a load tool that is late makes
// the figures worse, not better.
func open(ctx context.Context, d door, lasting time.Duration) (latencies, error) {
	clients, err := d.clients(ctx, 4*connections)
	defer hangUp(clients)
	if err != nil {
		return nil, err
	}
	arrivals := make(chan time.Time, 2*rate) // a second's worth may wait for a connection
	go arrive(arrivals, lasting)
	all := make(chan latencies, len(clients))
	err = together(clients, func(c *client) error {
		var own latencies
		defer func() { all <- own }()
		for due := range arrivals {
			if _, err := c.ask(); err != nil {
				return err
			}
			own = append(own, time.Since(due))
		}
		return nil
	})
	close(all)
	var merged latencies
	for own := range all {
		merged = append(merged, own...)
	}
	if err == nil && len(merged) == 0 {
		err = errors.New("nothing arrived")
	}
	slices.Sort(merged)
	return merged, err
}

// arrive sends the moments at which requests are to be made, each when it is
// there.
func arrive(arrivals chan<- time.Time, lasting time.Duration) {
	defer close(arrivals)
	runtime.LockOSThread() // for nanosleep: Go's own timers are a millisecond late
	defer runtime.UnlockOSThread()
	random := rand.New(rand.NewPCG(1, 2)) // the same moments in each run
	began := time.Now()
	for due := began; due.Sub(began) < lasting; {
		due = due.Add(time.Duration(random.ExpFloat64() * float64(time.Second) / rate))
		if wait := time.Until(due); wait > 0 {
			pause := unix.NsecToTimespec(int64(wait))
			unix.Nanosleep(&pause, nil)
		}
		arrivals <- due
	}
}
