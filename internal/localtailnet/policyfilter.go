package localtailnet

import (
	"net/netip"
	"slices"

	"go4.org/netipx"
	"tailscale.com/tailcfg"
)

// filterFor is the packet filter that the policy gives to m.
func (a applied) filterFor(m machine) []tailcfg.FilterRule {
	rules := []tailcfg.FilterRule{} // not nil, which would mean: as before
	for _, r := range a.rules {
		rules = append(rules, a.ruleFor(r, m)...)
	}
	return rules
}

// ruleFor is what r opens at m. For autogroup:self the sources are only those
// of the same owner.
func (a applied) ruleFor(r rule, m machine) []tailcfg.FilterRule {
	src := a.sources(r.src)
	if postures := a.postureOf(r.posture); len(postures) > 0 {
		src = intersection(src, a.meeting(postures))
	}
	var self, others []destination
	for _, d := range r.dst {
		if d.text == "autogroup:self" {
			self = append(self, d)
		} else {
			others = append(others, d)
		}
	}
	rules := a.open(r, src, others, m)
	rules = append(rules, a.open(r, intersection(src, a.ownedBy(m.login)), self, m)...)
	return append(rules, a.companions(r, src, m)...)
}

// companionCapabilities are granted in the opposite direction: a node that may use
// what another node shares learns that it shares.
var companionCapabilities = map[tailcfg.PeerCapability]tailcfg.PeerCapability{
	tailcfg.PeerCapabilityTaildrive: tailcfg.PeerCapabilityTaildriveSharer,
	tailcfg.PeerCapabilityRelay:     tailcfg.PeerCapabilityRelayTarget,
}

// companions returns the rules by which m, as a source of r, learns what its
// destinations share.
func (a applied) companions(r rule, src *netipx.IPSet, m machine) (rules []tailcfg.FilterRule) {
	own := intersection(src, setOfAddrs(m.addrs))
	if len(own.Ranges()) == 0 {
		return nil
	}
	caps := tailcfg.PeerCapMap{}
	for name := range r.app {
		if companion, ok := companionCapabilities[name]; ok {
			caps[companion] = nil
		}
	}
	var all netipx.IPSetBuilder
	for _, d := range r.dst {
		if d.text == "autogroup:self" {
			all.AddSet(a.ownedBy(m.login))
		} else {
			all.AddSet(a.sources([]word{d.word}))
		}
	}
	if from := ranges(built(&all)); len(caps) > 0 && len(from) > 0 {
		rules = append(rules, tailcfg.FilterRule{SrcIPs: from, CapGrant: []tailcfg.CapGrant{{Dsts: own.Prefixes(), CapMap: caps}}})
	}
	return rules
}

// open is what the destinations of r open at m for src.
func (a applied) open(r rule, src *netipx.IPSet, dst []destination, m machine) (rules []tailcfg.FilterRule) {
	srcIPs := ranges(src)
	if len(srcIPs) == 0 {
		return nil
	}
	var all netipx.IPSetBuilder
	for _, d := range dst {
		reached := a.reached(r, d, m)
		all.AddSet(reached)
		for _, access := range d.access {
			rules = openPorts(rules, srcIPs, ranges(reached), access)
		}
	}
	own := intersection(built(&all), setOfAddrs(m.addrs))
	if len(r.app) > 0 && len(own.Ranges()) > 0 {
		caps := tailcfg.CapGrant{Dsts: own.Prefixes(), CapMap: r.app}
		rules = append(rules, tailcfg.FilterRule{SrcIPs: srcIPs, CapGrant: []tailcfg.CapGrant{caps}})
	}
	return rules
}

// openPorts adds dstIPs to the rule for the same protocols, or makes one.
func openPorts(rules []tailcfg.FilterRule, srcIPs, dstIPs []string, access access) []tailcfg.FilterRule {
	if len(dstIPs) == 0 {
		return rules
	}
	i := slices.IndexFunc(rules, func(r tailcfg.FilterRule) bool { return slices.Equal(r.IPProto, access.protos) })
	if i < 0 {
		i = len(rules)
		rules = append(rules, tailcfg.FilterRule{SrcIPs: srcIPs, IPProto: access.protos})
	}
	for _, ip := range dstIPs {
		for _, ports := range access.ports {
			rules[i].DstPorts = append(rules[i].DstPorts, tailcfg.NetPortRange{IP: ip, Ports: ports})
		}
	}
	return rules
}

// sources are the addresses that the words stand for. For all nodes these are
// those of the tailnet, and the subnets that it routes.
func (a applied) sources(words []word) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, w := range words {
		t := w.target()
		if t.kind != kindEverybody {
			b.AddSet(a.addresses(t))
			continue
		}
		b.AddSet(tailnet)
		for _, m := range a.machines {
			m.subnets(b.AddPrefix)
		}
	}
	return built(&b)
}

// reached are those of d's addresses that m has, or routes to. With via these
// are only what it routes, if it has one of the tags.
func (a applied) reached(r rule, d destination, m machine) *netipx.IPSet {
	t := d.target()
	switch {
	case len(r.via) > 0 && m.isElsewhere: // one of the routers may be the way there
	case len(r.via) > 0 && !slices.ContainsFunc(r.via, func(w word) bool { return slices.Contains(m.tags, w.text) }):
		return &netipx.IPSet{}
	case len(r.via) > 0:
		m.addrs = nil
	case t.kind == kindEverybody:
		return everything
	}
	if t.kind == kindEverybody {
		return m.holds()
	}
	return intersection(a.addresses(t), m.holds())
}

// ownedBy are the addresses of the untagged machines of a person.
func (a applied) ownedBy(login string) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, m := range a.machines {
		if login != "" && m.login == login {
			addAll(&b, m.addrs)
		}
	}
	return built(&b)
}

// meeting returns the addresses of the machines that have one of the postures.
func (a applied) meeting(postures []word) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, m := range a.machines {
		if a.meets(m, postures) {
			addAll(&b, m.addrs)
		}
	}
	return built(&b)
}

func intersection(a, b *netipx.IPSet) *netipx.IPSet {
	var both netipx.IPSetBuilder
	both.AddSet(a)
	both.Intersect(b)
	return built(&both)
}

func setOfAddrs(addrs []netip.Addr) *netipx.IPSet {
	var b netipx.IPSetBuilder
	addAll(&b, addrs)
	return built(&b)
}

// ranges are a set as a filter rule has it: addresses, CIDRs, and ranges with
// a hyphen; * is all there is.
func ranges(set *netipx.IPSet) (all []string) {
	if set.Equal(everything) {
		return []string{"*"}
	}
	for _, r := range set.Ranges() {
		switch p, ok := r.Prefix(); {
		case ok && p.IsSingleIP():
			all = append(all, p.Addr().String())
		case ok:
			all = append(all, p.String())
		default:
			all = append(all, r.String())
		}
	}
	return all
}
