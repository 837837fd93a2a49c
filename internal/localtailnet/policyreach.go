package localtailnet

import (
	"net/netip"

	"tailscale.com/tailcfg"
	"tailscale.com/types/ipproto"
	"tailscale.com/types/logger"
	"tailscale.com/wgengine/filter"
)

// Allows reports whether a node that has the address dst, or routes to it,
// lets in what src sends there: by an IP protocol such as 6 for TCP, to a port,
// which counts where the protocol has ports. It asks the code that real nodes
// run with the rules that they are sent, so it is what the tailnet enforces.
func (t *Tailnet) Allows(src, dst netip.Addr, proto int, port uint16) (allowed bool) {
	t.state.read(func() {
		for _, n := range t.state.nodes {
			m := t.asMachine(n)
			if m.holds().Contains(dst) && accepts(t.filterOf(n, m), src, dst, proto, port) {
				allowed = true
			}
		}
	})
	return allowed
}

// filterOf is n's packet filter, kept until something changes.
func (t *Tailnet) filterOf(n *node, m machine) *filter.Filter {
	if t.state.filters[n] == nil {
		t.state.filters[n] = newFilter(t.packetFilter(n), m)
	}
	return t.state.filters[n]
}

// newFilter is what m's daemon makes of the rules.
func newFilter(rules []tailcfg.FilterRule, m machine) *filter.Filter {
	matches, err := filter.MatchesFromFilterRules(rules)
	if err != nil {
		panic(err) // rules that no node would understand
	}
	return filter.New(matches, nil, m.holds(), nil, nil, logger.Discard)
}

func accepts(f *filter.Filter, src, dst netip.Addr, proto int, port uint16) bool {
	return src.Is4() == dst.Is4() && f.Check(src, dst, port, ipproto.Proto(proto)) == filter.Accept
}
