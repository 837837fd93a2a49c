package localtailnet

import (
	"net/netip"
	"slices"
	"time"

	"tailscale.com/net/tsaddr"
	"tailscale.com/tailcfg"
	"tailscale.com/types/dnstype"
)

// expelled is the key expiry that tells a node that it was removed.
var expelled = time.Unix(1, 0).UTC()

// netmap is all that a node may know of the tailnet now.
func (t *Tailnet) netmap(self *node) *tailcfg.MapResponse {
	m := &tailcfg.MapResponse{
		DERPMap:         t.derp.Map,
		Domain:          t.opts.Name,
		CollectServices: "false",
		SSHPolicy:       sshPolicy(),
		DNSConfig: &tailcfg.DNSConfig{
			Proxied: true,
			Domains: []string{t.opts.Domain},
			Routes:  t.dnsRoutes(),
		},
	}
	t.state.read(func() {
		m.UserProfiles = t.state.profiles()
		m.Node = t.self(self)
		m.Peers = t.peersOf(self)
		// By name, since a filter that lets nobody in would be left out otherwise.
		m.PacketFilters = map[string][]tailcfg.FilterRule{"base": t.packetFilter(self)}
	})
	t.withFunnel(m)
	return m
}

// dnsRoutes are DNS servers by domain. Without any a node answers from its netmap.
func (t *Tailnet) dnsRoutes() map[string][]*dnstype.Resolver {
	routes := map[string][]*dnstype.Resolver{t.opts.Domain: nil}
	for domain, servers := range t.opts.SplitDNS {
		for _, server := range servers {
			routes[domain] = append(routes[domain], &dnstype.Resolver{Addr: server})
		}
	}
	return routes
}

// self is the node as it is told about itself.
func (t *Tailnet) self(n *node) *tailcfg.Node {
	w := t.wire(n)
	w.CapMap = tailcfg.NodeCapMap{
		tailcfg.NodeAttrDisableUPnP:                   nil,
		tailcfg.NodeAttrDisableCaptivePortalDetection: nil,
		tailcfg.CapabilitySSH:                         nil, // up --ssh is refused without it
	}
	if n.gone {
		w.KeyExpiry = expelled
	}
	return w
}

// peersOf are the other nodes, by ascending id. A node that waits for approval
// has no peers and is nobody's peer.
func (t *Tailnet) peersOf(self *node) (peers []*tailcfg.Node) {
	if !self.MachineAuthorized {
		return nil
	}
	for _, n := range t.state.nodes {
		if n != self && n.MachineAuthorized && !n.expired(time.Now()) {
			peers = append(peers, t.wire(n))
		}
	}
	return peers
}

// wire is the node as the protocol shows it now.
func (t *Tailnet) wire(n *node) *tailcfg.Node {
	w := n.Node.Clone()
	online := n.polls > 0
	w.Online = &online
	if !online {
		seen := n.lastSeen.UTC()
		w.LastSeen = &seen
	}
	w.AllowedIPs = slices.Clone(w.Addresses)
	if t.opts.AutoApproveRoutes {
		w.PrimaryRoutes = t.state.primaryRoutes(n)
		w.AllowedIPs = append(w.AllowedIPs, t.state.effectiveRoutes(n)...)
	}
	return w
}

// effectiveRoutes are the subnets that n routes, and its exit routes.
func (s *state) effectiveRoutes(n *node) []netip.Prefix {
	return append(s.primaryRoutes(n), slices.DeleteFunc(n.routes(), isSubnet)...)
}

func isSubnet(p netip.Prefix) bool { return !tsaddr.IsExitRoute(p) }

// primaryRoutes are the subnets that n routes. Of several nodes that advertise
// one, the oldest routes it. An exit route is nobody's alone: the client picks.
func (s *state) primaryRoutes(n *node) (routes []netip.Prefix) {
	for _, route := range n.routes() {
		first := s.node(func(other *node) bool { return slices.Contains(other.routes(), route) })
		if isSubnet(route) && first == n {
			routes = append(routes, route)
		}
	}
	return routes
}

// packetFilter lets through whom the policy lets, and names the app
// capabilities that the peers hold at dst: by the policy and by Options.Grants.
func (t *Tailnet) packetFilter(dst *node) []tailcfg.FilterRule {
	rules := t.apply(t.state.policy.policyFile).filterFor(t.asMachine(dst))
	for _, src := range t.state.nodes {
		caps := t.opts.Grants(src.snapshot(), dst.snapshot())
		if src == dst || len(caps) == 0 {
			continue
		}
		rule := tailcfg.FilterRule{CapGrant: []tailcfg.CapGrant{{Dsts: dst.Addresses, CapMap: caps}}}
		for _, p := range src.Addresses {
			rule.SrcIPs = append(rule.SrcIPs, p.Addr().String())
		}
		rules = append(rules, rule)
	}
	return rules
}

// sshPolicy lets everybody in as anybody, at nodes that run Tailscale's SSH.
func sshPolicy() *tailcfg.SSHPolicy {
	return &tailcfg.SSHPolicy{Rules: []*tailcfg.SSHRule{{
		Principals: []*tailcfg.SSHPrincipal{{Any: true}},
		SSHUsers:   map[string]string{"*": "=", "root": "root"},
		Action:     &tailcfg.SSHAction{Accept: true},
	}}}
}
