// Package requestlog records what the servers of tests are asked. A request can
// still be under way when the test has given it up, so each Log has a lock.
package requestlog

import (
	"slices"
	"sync"
)

// A Log is the requests of a server, in the order in which they came. The zero
// Log is empty.
type Log struct {
	mu    sync.Mutex
	lines []string
}

// Add notes a request.
func (l *Log) Add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, line)
}

// All returns the requests so far.
func (l *Log) All() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines)
}

// Reset forgets the requests so far.
func (l *Log) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = nil
}
