package main

import (
	"context"
	"io"
	"os"
	"syscall"
	"time"
)

// endWithStarter calls end when whoever started this program has gone: a test
// or a demo that was killed leaves no tailnet behind.
func (f flags) endWithStarter(ctx context.Context, stdin io.Reader, end func()) {
	if f.stdin {
		go func() {
			io.Copy(io.Discard, stdin)
			end()
		}()
	}
	if f.parentPID != 0 {
		go func() {
			awaitExit(ctx, f.parentPID)
			end()
		}()
	}
}

// awaitExit returns when the process is gone. No portable call waits for one
// that is not a child, so it asks twice a second.
func awaitExit(ctx context.Context, pid int) {
	p, err := os.FindProcess(pid)
	if err != nil {
		return
	}
	again := time.NewTicker(500 * time.Millisecond)
	defer again.Stop()
	for p.Signal(syscall.Signal(0)) == nil {
		select {
		case <-again.C:
		case <-ctx.Done():
			return
		}
	}
}
