//go:build linux

// Command bench measures join and leave against the least that they could
// take, and against the way of today's action: all in one run, real programs
// as they are released, on a machine of its own where loopback is the only
// network.
//
//	bench [-n 15] [-only near|far]
//
// It ends with 3 if a target is missed.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/tailjoin/tailjoin/internal/isolate"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

const (
	failed = 1
	missed = 3
)

type options struct {
	rounds int
	only   string
}

func main() {
	var o options
	flag.IntVar(&o.rounds, "n", 15, "repetitions of each measurement, of which the median is taken")
	flag.StringVar(&o.only, "only", "", "near (loopback) or far (latency added): one of the two parts")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, o))
}

// run is called twice: outside, where programs are built, since that may need
// the module proxy, and on the machine that isolate makes.
func run(ctx context.Context, o options) int {
	if os.Getenv(scratch) == "" {
		return outside(ctx, o)
	}
	if status, isolated := isolate.Main(); !isolated {
		return status
	}
	targets, err := measure(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "\nmeasuring:", err)
		return failed
	}
	if !allMet(targets) {
		return missed
	}
	return 0
}

func outside(ctx context.Context, o options) int {
	dir, err := prepare(ctx)
	defer os.RemoveAll(dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, "building what is measured:", err)
		return failed
	}
	os.Setenv(scratch, dir)
	return run(ctx, o)
}

// prepare builds, and returns a new scratch directory. Its path is short,
// since a socket's must be.
func prepare(ctx context.Context) (dir string, err error) {
	fmt.Fprintln(os.Stderr, "building what is measured; the first time that takes minutes")
	p, err := locate(ctx)
	if err != nil {
		return "", err
	}
	if err := p.make(ctx); err != nil {
		return "", err
	}
	return os.MkdirTemp("", "bench-")
}

// A part is one of the two worlds that are measured.
type part struct {
	name     string
	world    func(context.Context, programs) (*world, error)
	subjects func(*world) []subject
	report   func(*report, results) []target
}

var parts = []part{
	{"near", newNearWorld, near, (*report).near},
	{"far", newFarWorld, far, (*report).far},
}

func newNearWorld(ctx context.Context, p programs) (*world, error) {
	return newWorld(ctx, p, "near", localtailnet.Options{})
}

func measure(ctx context.Context, o options) (targets []target, err error) {
	p, err := locate(ctx)
	if err != nil {
		return nil, err
	}
	r := &report{out: os.Stdout, programs: p}
	r.header(o)
	for _, part := range parts {
		if o.only != "" && o.only != part.name {
			continue
		}
		found, err := part.measure(ctx, o, p)
		if err != nil {
			return nil, err
		}
		targets = append(targets, part.report(r, found)...)
	}
	r.verdict(targets)
	return targets, nil
}

func (t part) measure(ctx context.Context, o options, p programs) (results, error) {
	w, err := t.world(ctx, p)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	return w.repeat(ctx, o.rounds, t.subjects(w))
}
