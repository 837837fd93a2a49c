package captures_test

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/captures"
	"github.com/tailjoin/tailjoin/internal/policyfile"
	"go4.org/netipx"
	"tailscale.com/types/ipproto"
	"tailscale.com/types/logger"
	"tailscale.com/wgengine/filter"
)

// What a policy gives to a tailnet that had no rule is what its packet filters
// let through: from each node to each other, and to what is behind it, by TCP
// and UDP, at each port where one of the two changes.
func TestEffect_gains(t *testing.T) {
	nothing := parse(t, `{"grants": []}`)
	compare(t, rewritten, func(c *captures.Capture) (string, bool) {
		if c.Refusal != "" {
			return "", false
		}
		file, err := policyfile.Parse(policyfile.Source{Name: c.Name, Text: c.Policy})
		if err != nil {
			return err.Error(), true
		}
		e, err := policyfile.Effect(t.Context(), nothing, file)
		if err != nil || e.GaveUp != "" || len(e.Loses) > 0 {
			return fmt.Sprint(err, e), true
		}
		return newReader(c).differs(c, e), true
	})
}

func parse(t *testing.T, text string) *policyfile.File {
	t.Helper()
	f, err := policyfile.Parse(policyfile.Source{Name: "nothing", Text: []byte(text)})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A reader knows what names in the lines of a policy's effects mean.
type reader struct {
	Groups, IPSets map[string][]string
	Hosts          map[string]string
}

func newReader(c *captures.Capture) *reader {
	r := &reader{}
	_ = json.Unmarshal(c.Policy, r) // that it is JSON, Parse has seen
	return r
}

// An end is a node by one of its addresses, or an address behind a node.
type end struct {
	captures.Node
	at netip.Addr
}

// endsOf are a node's addresses, and one behind each subnet that it routes.
func endsOf(n captures.Node, routes bool) (all []end) {
	for _, a := range n.Addresses {
		all = append(all, end{n, a})
	}
	for _, p := range n.Routes {
		if routes && p.Bits() > 0 {
			all = append(all, end{captures.Node{}, p.Addr().Next()})
		}
	}
	return all
}

// differs looks for a packet of which the lines say something else than the
// filters do. What is behind a subnet router is left out of policies with via,
// which the lines do not follow.
func (r *reader) differs(c *captures.Capture, e policyfile.Effects) string {
	for _, n := range c.Nodes {
		if !n.IsKnown {
			continue
		}
		f := compiled(n)
		for _, to := range endsOf(n, !strings.Contains(string(c.Policy), `"via"`)) {
			for _, from := range c.Nodes {
				if from.Name == n.Name {
					continue
				}
				for _, from := range endsOf(from, false) {
					if why := r.between(from, to, n, f, e); why != "" {
						return why + "\n" + e.Text() + string(c.Policy)
					}
				}
			}
		}
	}
	return ""
}

// between compares what is said from one end to another with a node's filter.
func (r *reader) between(from, to end, n captures.Node, f *filter.Filter, e policyfile.Effects) string {
	if from.at.Is4() != to.at.Is4() {
		return ""
	}
	ports := r.said(e.Gains, from, to)
	for _, p := range edges(ports, n) {
		for proto, name := range protocols {
			said, is := has(ports, name, p), f.Check(from.at, to.at, p, proto) == filter.Accept
			if said != is {
				return fmt.Sprintf("%s to %s %v, %s %d: the filter says %v, the lines %v", from.Name, n.Name, to.at, name, p, is, said)
			}
		}
	}
	return ""
}

// compiled is the filter as the node's client has it.
func compiled(n captures.Node) *filter.Filter {
	matches, err := filter.MatchesFromFilterRules(n.Filter)
	if err != nil {
		panic(err) // Tailscale sends what its clients understand
	}
	var held netipx.IPSetBuilder
	for _, e := range endsOf(n, true) {
		held.Add(e.at)
	}
	set, _ := held.IPSet()
	return filter.New(matches, nil, set, nil, nil, logger.Discard)
}

// edges are ports at which the lines or the filter may change.
func edges(ports []string, n captures.Node) (all []uint16) {
	add := func(first, last int) {
		for _, p := range []int{first - 1, first, last, last + 1} {
			if p > 0 && p <= 65535 {
				all = append(all, uint16(p))
			}
		}
	}
	add(1, 65535)
	for _, one := range ports {
		_, first, last := portsOf(one)
		add(first, last)
	}
	for _, rule := range n.Filter {
		for _, d := range rule.DstPorts {
			add(int(d.Ports.First), int(d.Ports.Last))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// portsOf takes ports of a line apart: *, 443, tcp:80-90.
func portsOf(s string) (proto string, first, last int) {
	if before, after, ok := strings.Cut(s, ":"); ok {
		proto, s = before, after
	}
	if s == "*" {
		return proto, 0, 65535
	}
	a, b, isRange := strings.Cut(s, "-")
	if !isRange {
		b = a
	}
	first, _ = strconv.Atoi(a)
	last, _ = strconv.Atoi(b)
	return proto, first, last
}

var protocols = map[ipproto.Proto]string{ipproto.TCP: "tcp", ipproto.UDP: "udp"}

func has(ports []string, proto string, port uint16) bool {
	return slices.ContainsFunc(ports, func(s string) bool {
		name, first, last := portsOf(s)
		return (name == "" || name == proto) && first <= int(port) && int(port) <= last
	})
}

// said are the ports that lines name from one node to another.
func (r *reader) said(lines []policyfile.Line, from, to end) (ports []string) {
	for _, l := range lines {
		if r.named(l.Who, l.WhoExcept, from, to) && r.named(l.To, l.ToExcept, to, from) {
			ports = append(ports, l.Ports...)
		}
	}
	return ports
}

// named lets the narrowest name that fits decide.
func (r *reader) named(names, except []string, n, other end) bool {
	return r.narrowest(names, n, other) > r.narrowest(except, n, other)
}

var widest = []string{"autogroup:danger-all", "*", "autogroup:member", "autogroup:tagged", "user:*@"}

func (r *reader) narrowest(names []string, n, other end) (rank int) {
	for _, name := range names {
		if !r.is(name, n, other) {
			continue
		}
		at := slices.IndexFunc(widest, func(w string) bool { return strings.HasPrefix(name, w) })
		if at < 0 {
			at = len(widest)
		}
		if name == "autogroup:self" {
			at++
		}
		rank = max(rank, at+1)
	}
	return rank
}

// is reports whether a name means a node. other is the node at the other end.
func (r *reader) is(name string, n, other end) bool {
	domain, isDomain := strings.CutPrefix(name, "user:*")
	switch {
	case name == "*" || name == "autogroup:danger-all":
		return true
	case name == "autogroup:member":
		return n.Login != ""
	case name == "autogroup:tagged":
		return len(n.Tags) > 0
	case name == "autogroup:self":
		return n.Login != "" && n.Login == other.Login
	case name == "autogroup:owner" || name == "autogroup:admin":
		return n.Login == captures.Owner
	case strings.HasPrefix(name, "autogroup:"):
		return false
	case isDomain:
		return n.Login != "" && strings.HasSuffix(n.Login, domain)
	case strings.HasPrefix(name, "tag:"):
		return slices.Contains(n.Tags, name)
	case strings.HasPrefix(name, "group:"):
		return slices.ContainsFunc(r.Groups[name], func(s string) bool { return r.is(s, n, other) })
	case strings.Contains(name, "@"):
		return n.Login == name
	}
	return r.contains(name, n.at)
}

// contains reports whether a host, IP set, CIDR, range or address has an
// address.
func (r *reader) contains(name string, a netip.Addr) bool {
	if set, ok := r.IPSets[name]; ok {
		in := false
		for _, s := range set {
			s, removed := strings.CutPrefix(s, "remove ")
			if r.contains(strings.TrimPrefix(strings.TrimPrefix(s, "add "), "host:"), a) {
				in = !removed
			}
		}
		return in
	}
	if value, ok := r.Hosts[name]; ok {
		name = value
	}
	var b netipx.IPSetBuilder
	addRange(&b, strings.Trim(name, "[]"))
	set, _ := b.IPSet()
	return set.Contains(a)
}
