//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// An audit is a pipe that takes what the service writes, as a collector of
// logs does, and counts the lines.
type audit struct {
	writer *os.File
	lines  atomic.Int64
}

// wide is how much the pipe holds: so the service hardly ever waits for the
// reader, and the reader need not be woken for each line.
const wide = 1 << 20

func newAudit() (*audit, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	if _, err := unix.FcntlInt(writer.Fd(), unix.F_SETPIPE_SZ, wide); err != nil {
		return nil, fmt.Errorf("widening a pipe: %w", err)
	}
	a := &audit{writer: writer}
	go func() {
		buffer := make([]byte, wide)
		for {
			n, err := reader.Read(buffer)
			if err != nil {
				return
			}
			a.lines.Add(int64(bytes.Count(buffer[:n], []byte("\n"))))
			time.Sleep(5 * time.Millisecond)
		}
	}()
	return a, nil
}

// has compares the lines with the tokens that the service gave out while it
// was measured: beside them there are those for two that were looked at, and
// for requests that were under way when a round was over.
func (a *audit) has(tokens int64) error {
	time.Sleep(100 * time.Millisecond) // the reader is behind
	if lines := a.lines.Load(); lines < tokens {
		return fmt.Errorf("%d tokens were given out, and the audit has %d lines", tokens, lines)
	}
	return nil
}
