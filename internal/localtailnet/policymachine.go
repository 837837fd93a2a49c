package localtailnet

import (
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
	"tailscale.com/net/tsaddr"
)

// A machine is a node as the rules of a policy see it.
type machine struct {
	addrs  []netip.Addr
	tags   []string
	login  string         // of the person who owns it; "" if it is tagged
	routes []netip.Prefix // that lead through it

	attributes map[string]any // of its posture

	role        string // of the person who owns it, unless that is the tailnet's owner
	isElsewhere bool   // of a test: an address that some router may lead to
}

// An applied policy is one with the machines that it is about.
type applied struct {
	*policyFile
	machines []machine
	owner    string // login name of the tailnet's owner
}

// selects reports whether t, which is no address, means m.
func (a applied) selects(t target, m machine) bool {
	switch t.kind {
	case kindTag:
		return slices.Contains(m.tags, t.text)
	case kindAutogroup:
		return a.inAutogroup(t.name(), m)
	default:
		return m.login != "" && a.means(t, m.login)
	}
}

// means reports whether t means the person with this login name.
func (a applied) means(t target, login string) bool {
	switch t.kind {
	case kindLogin:
		return t.text == login
	case kindDomain:
		domain, ok := strings.CutPrefix(t.name(), "*@")
		return ok && strings.HasSuffix(login, "@"+domain)
	case kindGroup:
		g := find(a.groups, t.text)
		return g != nil && slices.ContainsFunc(g.of, func(w word) bool { return a.means(w.target(), login) })
	}
	return false
}

// inAutogroup: of those who have a role there is the owner alone, who may do
// all that an admin may.
func (a applied) inAutogroup(name string, m machine) bool {
	switch name {
	case "tagged":
		return len(m.tags) > 0
	case "member", "members", "self":
		return m.login != ""
	case "owner", "admin":
		return m.login == a.owner
	}
	return m.role != "" && m.role == name
}

// addresses are those that t stands for.
func (a applied) addresses(t target) *netipx.IPSet {
	var b netipx.IPSetBuilder
	switch {
	case t.kind == kindAddresses:
		b.AddPrefix(t.prefix)
	case t.kind == kindHost || t.kind == kindNamedHost:
		b.AddPrefix(a.host(t))
	case t.kind == kindIPSet:
		b.AddSet(a.ipset(t.text))
	case t.text == "autogroup:internet":
		b.AddSet(internet)
	case t.text == "autogroup:danger-all":
		b.AddSet(everything)
	default:
		for _, m := range a.machines {
			if a.selects(t, m) {
				addAll(&b, m.addrs)
			}
		}
	}
	return built(&b)
}

func (a applied) host(t target) netip.Prefix {
	name := strings.TrimPrefix(t.text, kindNamedHost+":")
	i := slices.IndexFunc(a.hosts, func(h hostEntry) bool { return h.text == name })
	return a.hosts[i].prefix // check has seen that there is one
}

// ipset adds and removes in the order of the file.
func (a applied) ipset(name string) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, w := range find(a.ipsets, name).of {
		element, remove := ipsetElement(w)
		switch set := a.elementAddresses(element); {
		case remove:
			b.RemoveSet(set)
		default:
			b.AddSet(set)
		}
	}
	return built(&b)
}

// ipsetElement splits "remove 10.0.0.0/8".
func ipsetElement(w word) (element word, remove bool) {
	if rest, ok := strings.CutPrefix(w.text, "remove "); ok {
		return word{strings.TrimSpace(rest), w.at}, true
	}
	return word{strings.TrimSpace(strings.TrimPrefix(w.text, "add ")), w.at}, false
}

func (a applied) elementAddresses(w word) *netipx.IPSet {
	if r, err := netipx.ParseIPRange(w.text); err == nil {
		var b netipx.IPSetBuilder
		b.AddRange(r)
		return built(&b)
	}
	return a.addresses(w.target())
}

// holds are the addresses that m answers at, or routes to.
func (m machine) holds() *netipx.IPSet {
	var b netipx.IPSetBuilder
	addAll(&b, m.addrs)
	for _, p := range m.routes {
		if tsaddr.IsExitRoute(p) {
			b.AddSet(internet)
		} else {
			b.AddPrefix(p)
		}
	}
	return built(&b)
}

// subnets hands on the routes that are no exit routes.
func (m machine) subnets(each func(netip.Prefix)) {
	for _, p := range m.routes {
		if !tsaddr.IsExitRoute(p) {
			each(p)
		}
	}
}

func addAll(b *netipx.IPSetBuilder, addrs []netip.Addr) {
	for _, addr := range addrs {
		b.Add(addr)
	}
}

// built is what b holds. An error would be one of prefixes that are none, which
// nothing here adds.
func built(b *netipx.IPSetBuilder) *netipx.IPSet {
	set, err := b.IPSet()
	if err != nil {
		panic(err)
	}
	return set
}

// setOf is all of some prefixes, less others.
func setOf(of []string, less ...string) *netipx.IPSet {
	var b netipx.IPSetBuilder
	for _, p := range of {
		b.AddPrefix(netip.MustParsePrefix(p))
	}
	for _, p := range less {
		b.RemovePrefix(netip.MustParsePrefix(p))
	}
	return built(&b)
}

var (
	everything = setOf([]string{"0.0.0.0/0", "::/0"})
	// internet is what autogroup:internet means.
	internet = setOf([]string{"0.0.0.0/0", "2000::/3"},
		"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "127.0.0.0/8", "224.0.0.0/4")
	// reserved are addresses of the tailnet that no node gets.
	reserved = setOf([]string{"100.100.0.0/24", "100.100.100.0/24", "100.115.92.0/23"})
	// tailnet is where nodes have their addresses: without what ChromeOS uses.
	tailnet = setOf([]string{"100.64.0.0/10", "fd7a:115c:a1e0::/48"}, "100.115.92.0/23")
)
