package server

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/policy"
	"tailscale.com/net/tsaddr"
)

// What is known of a caller is kept for so long: a node that asks again within
// it is not looked up again. A grant that is taken away works until then.
const (
	keepCaller  = time.Second
	mostCallers = 4096
)

// callers are those of the last second, by their address on the tailnet.
type callers struct {
	mu sync.Mutex
	by map[netip.Addr]knownCaller
}

type knownCaller struct {
	*policy.Caller
	until time.Time
}

// caller is the node that a connection comes from. Who connects from an
// address that is none of the tailnet's is looked up each time: it may be one
// of many behind the machine's tailscaled, which knows them by their port.
func (s *Server) caller(ctx context.Context, remote string) (*policy.Caller, error) {
	from, err := netip.ParseAddrPort(remote)
	if err != nil || !tsaddr.IsTailscaleIP(from.Addr()) {
		return s.lookUp(ctx, remote)
	}
	if c, ok := s.callers.get(from.Addr(), s.now()); ok {
		return c, nil
	}
	c, err := s.lookUp(ctx, remote)
	if err == nil {
		s.callers.put(from.Addr(), knownCaller{c, s.now().Add(keepCaller)})
	}
	return c, err
}

const lookUpLimit = 5 * time.Second

func (s *Server) lookUp(ctx context.Context, remote string) (*policy.Caller, error) {
	ctx, cancel := context.WithTimeout(ctx, lookUpLimit)
	defer cancel()
	who, err := s.WhoIs(ctx, remote)
	if err != nil {
		return nil, err
	}
	c, err := policy.CallerOf(who)
	if err != nil {
		return nil, err
	}
	for _, odd := range c.Odd {
		s.metrics.odd.Add(1)
		s.Log.WarnContext(ctx, "a grant gives nothing, since it cannot be understood", "node", c.NodeID, "name", c.Name, "because", odd)
	}
	return c, nil
}

func (cs *callers) get(addr netip.Addr, now time.Time) (*policy.Caller, bool) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	c, ok := cs.by[addr]
	return c.Caller, ok && now.Before(c.until)
}

// put forgets all when there are many: those that count are back in a second.
func (cs *callers) put(addr netip.Addr, c knownCaller) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.by == nil || len(cs.by) >= mostCallers {
		cs.by = map[netip.Addr]knownCaller{}
	}
	cs.by[addr] = c
}
