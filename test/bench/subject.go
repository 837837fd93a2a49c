//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
)

// A subject is something to measure. run does it once.
type subject struct {
	name string
	run  func(context.Context) (times, error)
}

// repeat measures all subjects in turn, so that whatever else the machine does
// falls on all alike. The first round is not counted.
func (w *world) repeat(ctx context.Context, rounds int, subjects []subject) (results, error) {
	found := results{}
	fmt.Fprintf(os.Stderr, "%s: %d rounds ", w.name, rounds)
	for round := range rounds + 1 {
		fmt.Fprint(os.Stderr, ".")
		for _, s := range subjects {
			t, err := s.run(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			if err := w.settle(); err != nil {
				return nil, err
			}
			if round > 0 {
				found[s.name] = append(found[s.name], t)
			}
		}
	}
	fmt.Fprintln(os.Stderr)
	return found, nil
}
