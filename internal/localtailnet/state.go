package localtailnet

import (
	"context"
	"maps"
	"sync"

	"tailscale.com/tailcfg"
	"tailscale.com/wgengine/filter"
)

// A state is all that the servers of one tailnet know. Its methods expect to
// be called inside read or change; those two are the only ones that lock.
type state struct {
	mu      sync.Mutex
	changed chan struct{} // closed and replaced by change: a broadcast

	nodes  []*node // by ascending id
	lastID int64
	keys   []*authKey
	creds  []Credential
	tokens []*accessToken
	policy policy
	people map[tailcfg.UserID]tailcfg.UserProfile
	faults faults // by operation
	events []Event

	asked      []string    // operations of the API that tailjoin asked for
	deviations []deviation // of the API's answers from the published contract, without their sources

	filters map[*node]*filter.Filter // what Allows has asked; emptied by change

	usedTokens []string // jti of every ID token that was exchanged
}

func newState() *state {
	return &state{
		changed: make(chan struct{}),
		faults:  faults{},
		policy:  untouchedPolicy(),
		people:  maps.Clone(users),
		filters: map[*node]*filter.Filter{},
	}
}

// read runs f while nothing changes.
func (s *state) read(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// change runs f alone, then wakes all who wait: the open map polls and WaitFor.
func (s *state) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	clear(s.filters)
	close(s.changed)
	s.changed = make(chan struct{})
}

// next is closed by the first change after the call.
func (s *state) next() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// stopTimers lets no ephemeral node be reaped any more.
func (s *state) stopTimers() {
	s.read(func() {
		for _, n := range s.nodes {
			n.reaper.Stop()
		}
	})
}

// WaitFor returns when cond holds; it asks again after every change of the
// tailnet: a node, a key, an event. It returns the error of ctx when that ends
// first.
func (t *Tailnet) WaitFor(ctx context.Context, cond func() bool) error {
	for {
		changed := t.state.next()
		if cond() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
