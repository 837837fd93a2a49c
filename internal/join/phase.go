package join

import (
	"sync"
	"time"
)

// A Phase is one part of a join. Phases overlap: their sum is more than the
// join took.
type Phase struct {
	Name     string
	Duration time.Duration
}

// phases collects what is measured at the same time in two goroutines.
type phases struct {
	mu    sync.Mutex
	begin time.Time
	done  []Phase
}

func startPhases() *phases { return &phases{begin: time.Now()} }

// measure starts a phase and returns the function that ends it.
func (p *phases) measure(name string) (end func()) {
	begin := time.Now()
	return func() { p.add(name, time.Since(begin)) }
}

func (p *phases) add(name string, d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = append(p.done, Phase{name, d})
}

// list is every phase that ended, and the total.
func (p *phases) list() []Phase {
	p.add("total", time.Since(p.begin))
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}
