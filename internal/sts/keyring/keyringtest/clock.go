package keyringtest

import (
	"sync"
	"time"
)

// A Clock is moved by hand.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// At is a clock that shows a time.
func At(t time.Time) *Clock { return &Clock{at: t} }

func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Pass moves it.
func (c *Clock) Pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}
