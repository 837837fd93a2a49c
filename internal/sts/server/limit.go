package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
	"tailscale.com/util/lru"
)

// mostLimits is of how many nodes it is remembered how much they asked. A node
// that is forgotten begins anew.
const mostLimits = 16384

// limits are how often each node may ask.
type limits struct {
	mu    sync.Mutex
	nodes lru.Cache[string, *rate.Limiter]
	rate  rate.Limit
	burst int
}

func (l *limits) init(perSecond, burst int) {
	l.nodes.MaxEntries = mostLimits
	l.rate, l.burst = rate.Limit(perSecond), burst
}

func (l *limits) allow(node string, now time.Time) bool {
	if l.rate == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	limiter := l.nodes.Get(node)
	if limiter == nil {
		limiter = rate.NewLimiter(l.rate, l.burst)
		l.nodes.Set(node, limiter)
	}
	return limiter.AllowN(now, 1)
}
