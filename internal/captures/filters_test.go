package captures_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/captures"
	"go4.org/netipx"
	"tailscale.com/tailcfg"
)

// rewritten are captures whose addresses were changed afterwards: the one that
// the policy names was no node's.
var rewritten = map[string]string{
	"policytest-allpass-grants-only-tag-src-ipv6-literal-dst": "the node had another IPv6 address",
}

// The local tailnet sends each node the packet filter that Tailscale sends.
func TestLocalTailnet_packetFilters(t *testing.T) {
	compare(t, rewritten, func(c *captures.Capture) (string, bool) {
		filters, err := judged(c)
		if c.Refusal != "" || err != nil {
			return "", false
		}
		for _, n := range c.Nodes {
			if !n.IsKnown {
				continue
			}
			if d := cmp.Diff(canonical(n, n.Filter), canonical(n, filters[n.Name])); d != "" {
				return fmt.Sprintf("%s (-Tailscale +local tailnet):\n%s", n.Name, d), true
			}
		}
		return "", true
	})
}

// canonical is a node's filter in one form: for each destination at the node, or
// behind it, the sources, whatever rules they come from. Tailscale names wider
// destinations, of which those are a part.
func canonical(n captures.Node, rules []tailcfg.FilterRule) []string {
	from := map[string]*netipx.IPSetBuilder{}
	add := func(key string, sources []string) {
		if from[key] == nil {
			from[key] = &netipx.IPSetBuilder{}
		}
		for _, s := range sources {
			addRange(from[key], s)
		}
	}
	for _, r := range rules {
		protos := r.IPProto
		if len(protos) == 0 {
			protos = []int{1, 6, 17, 58}
		}
		for _, d := range r.DstPorts {
			for _, part := range heldOf(n, d.IP) {
				for _, p := range protos {
					add(fmt.Sprintf("%s %d:%d-%d", part, p, d.Ports.First, d.Ports.Last), r.SrcIPs)
				}
			}
		}
		for _, g := range r.CapGrant {
			for _, d := range g.Dsts {
				for name, values := range g.CapMap {
					text, _ := json.Marshal(values)
					add(fmt.Sprintf("%v %s %s", d, name, text), r.SrcIPs)
				}
			}
		}
	}
	var all []string
	for _, key := range slices.Sorted(maps.Keys(from)) {
		set, _ := from[key].IPSet()
		if len(set.Ranges()) == 0 {
			continue // of a group without members, for example
		}
		var ranges []string
		for _, r := range set.Ranges() {
			ranges = append(ranges, r.String())
		}
		all = append(all, key+" from "+strings.Join(ranges, " "))
	}
	return all
}

// heldOf are the parts of a destination that the node has, or routes to.
func heldOf(n captures.Node, dst string) (parts []netipx.IPRange) {
	var held, wanted netipx.IPSetBuilder
	for _, a := range n.Addresses {
		held.Add(a)
	}
	for _, p := range n.Routes {
		held.AddPrefix(p)
	}
	addRange(&wanted, dst)
	set, _ := wanted.IPSet()
	held.Intersect(set)
	both, _ := held.IPSet()
	return both.Ranges()
}

// addRange adds an address, a CIDR, a range or *.
func addRange(to *netipx.IPSetBuilder, text string) {
	if text == "*" {
		addRange(to, "0.0.0.0/0")
		text = "::/0"
	}
	if r, err := netipx.ParseIPRange(text); err == nil {
		to.AddRange(r)
	} else if p, err := netip.ParsePrefix(text); err == nil {
		to.AddPrefix(p)
	} else {
		to.Add(netip.MustParseAddr(text))
	}
}
