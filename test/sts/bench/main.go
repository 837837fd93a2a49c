//go:build linux

// Command bench measures the token service against a bare handler that only
// signs: real programs, real HTTP, one load tool, one run, on two cores of a
// machine of its own.
//
//	bench [-tokens 1000000] [-quick]
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
	"github.com/tailjoin/tailjoin/test/sts/world"
)

const (
	failed = 1
	missed = 3
)

type options struct {
	tokens int
	quick  bool
}

func main() {
	var o options
	flag.IntVar(&o.tokens, "tokens", 1_000_000, "tokens over which memory is watched")
	flag.BoolVar(&o.quick, "quick", false, "measure for a tenth of the time, for a look")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, o))
}

// run is called twice: outside, where programs are built, since that may need
// the module proxy, and on the machine that isolate makes.
func run(ctx context.Context, o options) int {
	if _, ok := world.Kept(); !ok {
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
	fmt.Fprintln(os.Stderr, "building what is measured; the first time that takes minutes")
	programs, err := world.Build(ctx, ".")
	if err == nil {
		err = buildBare(ctx)
	}
	if err == nil {
		err = stayOn(cores)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building what is measured:", err)
		return failed
	}
	programs.Keep()
	return run(ctx, o)
}
