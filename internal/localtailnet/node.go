package localtailnet

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"tailscale.com/net/tsaddr"
	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
	"tailscale.com/util/dnsname"
)

// A Node is one machine of the tailnet, as it stands now.
type Node struct {
	ID         string         `json:"id"`   // stable id, n…CNTRL
	Name       string         `json:"name"` // full MagicDNS name, no dot at the end
	Hostname   string         `json:"hostname"`
	IPs        []netip.Addr   `json:"ips"` // IPv4, then IPv6
	Tags       []string       `json:"tags"`
	Routes     []netip.Prefix `json:"routes,omitempty"` // advertised, approved or not
	KeyID      string         `json:"keyID"`            // the auth key it registered with
	Ephemeral  bool           `json:"ephemeral"`
	Authorized bool           `json:"authorized"`
	Online     bool           `json:"online"` // has a map poll open
}

// A node is what control remembers of a machine.
type node struct {
	// What goes over the wire, less what depends on the moment and on who
	// asks: Online, AllowedIPs, PrimaryRoutes, CapMap.
	tailcfg.Node

	ephemeral bool
	keyID     string
	created   time.Time
	lastSeen  time.Time
	polls     int         // open map polls
	gone      bool        // removed; an open poll tells the node, then ends
	reaper    *time.Timer // runs while an ephemeral node has no poll

	lockKey     string   // of the tailnet lock; "" from a daemon that has none
	sshHostKeys []string // in place of what Hostinfo says

	attributes map[string]attribute // posture attributes set by the API; the client reports its own in Hostinfo
}

// Nodes returns the nodes of the tailnet in the order in which they came.
func (t *Tailnet) Nodes() []Node {
	nodes := []Node{}
	t.state.read(func() {
		for _, n := range t.state.nodes {
			nodes = append(nodes, n.snapshot())
		}
	})
	return nodes
}

// RemoveNode takes the node with this stable id off the tailnet, as deleting
// it in the admin console does. It reports whether there was one.
func (t *Tailnet) RemoveNode(id string) (found bool) {
	t.state.change(func() {
		n := t.state.node(func(n *node) bool { return string(n.StableID) == id })
		if found = n != nil; found {
			t.state.remove(n)
		}
	})
	return found
}

func (n *node) snapshot() Node {
	return Node{
		ID:         string(n.StableID),
		Name:       strings.TrimSuffix(n.Name, "."),
		Hostname:   n.Hostinfo.Hostname(),
		IPs:        []netip.Addr{n.Addresses[0].Addr(), n.Addresses[1].Addr()},
		Tags:       slices.Clone(n.Tags),
		Routes:     n.routes(),
		KeyID:      n.keyID,
		Ephemeral:  n.ephemeral,
		Authorized: n.MachineAuthorized,
		Online:     n.polls > 0,
	}
}

// routes are those that the node advertises beside its own addresses.
func (n *node) routes() []netip.Prefix { return n.Hostinfo.RoutableIPs().AsSlice() }

// tellSSHHostKeys has every node know the host keys of the one with this name.
func (t *Tailnet) tellSSHHostKeys(name string, keys []string) {
	if len(keys) == 0 {
		return
	}
	t.state.change(func() {
		n := t.state.node(func(n *node) bool { return strings.TrimSuffix(n.Name, ".") == name })
		n.sshHostKeys = keys
		n.describe(n.Hostinfo.AsStruct())
	})
}

// describe takes over what the node says of its machine.
func (n *node) describe(info *tailcfg.Hostinfo) {
	if n.sshHostKeys != nil {
		info.SSH_HostKeys = n.sshHostKeys
	}
	n.Hostinfo = info.View()
}

func (n *node) expired(now time.Time) bool {
	return !n.KeyExpiry.IsZero() && n.KeyExpiry.Before(now)
}

// node returns the first node that matches, or nil.
func (s *state) node(match func(*node) bool) *node {
	i := slices.IndexFunc(s.nodes, match)
	if i < 0 {
		return nil
	}
	return s.nodes[i]
}

// owned returns the node with this key if it runs on this machine, else nil: a
// node key alone proves nothing, for peers know it too.
func (s *state) owned(k key.NodePublic, machine key.MachinePublic) *node {
	return s.node(func(n *node) bool { return n.Key == k && n.Machine == machine })
}

// add gives a new node its id, addresses and a name that is free.
func (s *state) add(n *node, hostname, domain string) {
	s.lastID++
	n.ID = tailcfg.NodeID(s.lastID)
	n.StableID = tailcfg.StableNodeID(newID("n"))
	n.created = time.Now()
	n.lastSeen = n.created
	n.Created = n.created
	n.Addresses = addresses(s.lastID)
	n.Name = s.freeName(cmp.Or(dnsname.SanitizeHostname(hostname), "node"), domain)
	s.nodes = append(s.nodes, n)
}

// addresses derives a node's two addresses from its id: 100.64.x.y/32 and the
// IPv6 /128 that Tailscale maps it to.
func addresses(id int64) []netip.Prefix {
	v4 := netip.AddrFrom4([4]byte{100, 64 + byte(id>>16&0x3f), byte(id >> 8), byte(id)})
	v6 := tsaddr.Tailscale4To6(v4)
	return []netip.Prefix{netip.PrefixFrom(v4, 32), netip.PrefixFrom(v6, 128)}
}

// freeName is host.domain. with the first of "", "-1", "-2" … after the host
// that no node has.
func (s *state) freeName(host, domain string) string {
	name := fmt.Sprintf("%s.%s.", host, domain)
	for i := 1; s.node(func(n *node) bool { return n.Name == name }) != nil; i++ {
		name = fmt.Sprintf("%s-%d.%s.", host, i, domain)
	}
	return name
}

// remove takes a node off the tailnet.
func (s *state) remove(n *node) {
	n.gone = true
	n.reaper.Stop()
	s.nodes = slices.DeleteFunc(s.nodes, func(other *node) bool { return other == n })
	s.log(opNode, 0, "%s is removed", n.Name)
}
