//go:build unix

package tailscaled

import (
	"context"
	"time"
)

// findNeighbour looks for another tailscaled, or another join, on this machine.
// One that does not answer may be about to end, or to start: it waits a moment
// to see which.
func findNeighbour(ctx context.Context) neighbour {
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for deadline := time.Now().Add(burial); ; {
		n := lookForNeighbour(ctx)
		if !n.passing || time.Now().After(deadline) {
			return n
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return n
		}
	}
}

// glance is the pause between two looks at what nothing announces.
const glance = 20 * time.Millisecond
