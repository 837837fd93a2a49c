package policyfile_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/policyfile"
)

// A device is a node of a tailnet that has one of everything that small policies
// tell apart, or an address behind a subnet router.
type device struct {
	name    string
	user    string // "" for a tagged one
	role    string
	synced  bool // in the identity provider's group
	tag     string
	address string
	guest   bool
	outside bool
}

// devices has two of each person's.
func devices() (all []device) {
	for _, d := range []device{
		{user: "ann@example.com"}, {user: "bob@example.com"}, {user: "cy@other.com"}, {user: "dee@example.com"}, {user: "eve@else.net"},
		{user: "fay@else.net", role: "autogroup:admin"}, {user: "gus@else.net", synced: true},
	} {
		for i := range 2 {
			d.name = fmt.Sprint(d.user, i)
			all = append(all, d)
		}
	}
	// Another one of each kind that is not named, since they may reach each other.
	all = append(all, device{name: "dan", user: "dan@example.com"}, device{name: "ed", user: "ed@else.net"},
		device{name: "flo", user: "flo@else.net", role: "autogroup:admin"}, device{name: "gil", user: "gil@else.net", synced: true})
	for _, tag := range []string{"tag:a", "tag:b", "tag:c", "tag:d"} {
		all = append(all, device{name: tag, tag: tag}, device{name: "another " + tag, tag: tag})
	}
	for _, a := range []string{
		"10.0.0.0", "10.0.0.5", "10.0.0.7", "10.0.0.8", "10.0.0.9", "10.0.0.15", "10.0.0.16", "10.0.0.200", "10.0.1.1", "10.1.0.0", "11.0.0.0", "192.168.0.1", "fd00::1", "fd00::1:0:0:1",
	} {
		all = append(all, device{name: a, address: a})
	}
	return append(all, device{name: "guest", guest: true}, device{name: "outside", outside: true})
}

// is says whether a selector means a device. other is the device at the other
// end. It shares nothing with what it checks.
func (d device) is(p small, selector string, other device) bool {
	switch {
	case selector == "*":
		return !d.outside
	case selector == "autogroup:danger-all":
		return true
	case selector == "autogroup:member":
		return d.user != ""
	case selector == "autogroup:tagged":
		return d.tag != ""
	case selector == "autogroup:shared":
		return d.guest
	case selector == "autogroup:self":
		return d.user != "" && d.user == other.user
	case strings.HasPrefix(selector, "autogroup:"):
		return d.role == selector
	case strings.HasPrefix(selector, "user:*@"):
		return d.user != "" && strings.HasSuffix(d.user, selector[len("user:*"):])
	case strings.HasPrefix(selector, "tag:"):
		return d.tag == selector
	case selector == "group:synced":
		return d.synced
	case strings.HasPrefix(selector, "group:"):
		return d.user != "" && slices.Contains(p.Groups[selector], d.user)
	case strings.Contains(selector, "@"):
		return d.user == selector
	case d.address == "":
		return false
	case strings.HasPrefix(selector, "ipset:"):
		return d.inSet(p, p.IPSets[selector])
	}
	return contains(p, selector, d.address)
}

func (d device) inSet(p small, list []string) (in bool) {
	for _, s := range list {
		s, removed := strings.CutPrefix(s, "remove ")
		s = strings.TrimPrefix(strings.TrimPrefix(s, "add "), "host:")
		if contains(p, s, d.address) {
			in = !removed
		}
	}
	return in
}

// contains says whether a host, CIDR, range or address has an address.
func contains(p small, s, address string) bool {
	if value, ok := p.Hosts[s]; ok {
		s = value
	}
	s = strings.Trim(s, "[]")
	a := netip.MustParseAddr(address)
	if from, to, ok := strings.Cut(s, "-"); ok {
		return netip.MustParseAddr(from).Compare(a) <= 0 && netip.MustParseAddr(to).Compare(a) >= 0
	}
	if strings.Contains(s, "/") {
		return netip.MustParsePrefix(s).Contains(a)
	}
	return netip.MustParseAddr(s) == a
}

// A probe is one packet's protocol and port.
type probe struct {
	protocol string // tcp, udp, sctp, gre, icmp
	port     int
}

func probes() (all []probe) {
	for _, protocol := range []string{"tcp", "udp"} {
		for _, port := range []int{0, 9, 22, 50, 53, 60, 80, 443, 444, 999, 1000, 1500, 2000, 2001, 65535} {
			all = append(all, probe{protocol, port})
		}
	}
	return append(all, probe{"sctp", 9}, probe{"sctp", 10}, probe{"gre", 0}, probe{"icmp", 0})
}

// in says whether a grant's ip lets a probe through.
func (q probe) in(list []string) bool {
	for _, s := range list {
		protocol, ports, ok := strings.Cut(s, ":")
		if !ok {
			protocol, ports = "", s
		}
		if protocol == "17" {
			protocol = "udp"
		}
		if q.protocol == "icmp" {
			return true // whatever is open
		}
		if (protocol == q.protocol || protocol == "" && (q.protocol == "tcp" || q.protocol == "udp")) && hasPort(ports, q.port) {
			return true
		}
	}
	return false
}

func hasPort(ports string, port int) bool {
	if ports == "*" {
		return true
	}
	from, to, isRange := strings.Cut(ports, "-")
	if !isRange {
		to = from
	}
	a, _ := strconv.Atoi(from)
	b, _ := strconv.Atoi(to)
	return a <= port && port <= b
}

func cutPorts(dst string) (host string, ports []string) {
	at := strings.LastIndex(dst, ":")
	return strings.Trim(dst[:at], "[]"), strings.Split(dst[at+1:], ",")
}

// open is what the rules let through from one device to another, as grants say
// ports.
func (p small) open(from, to device) (all []string) {
	for _, g := range p.Grants {
		if p.any(g.Src, from, to) && p.any(g.Dst, to, from) {
			all = append(all, g.IP...)
		}
	}
	for _, a := range p.ACLs {
		if !p.any(a.Src, from, to) {
			continue
		}
		for _, dst := range a.Dst {
			host, ports := cutPorts(dst)
			if a.Proto != "" {
				for i := range ports {
					ports[i] = a.Proto + ":" + ports[i]
				}
			}
			if to.is(p, host, from) {
				all = append(all, ports...)
			}
		}
	}
	return all
}

func (p small) any(selectors []string, d, other device) bool {
	return slices.ContainsFunc(selectors, func(s string) bool { return d.is(p, s, other) })
}

// said is what the lines are about from one device to another. Names are read as
// in the policy that they are of.
func said(lines []policyfile.Line, p small, from, to device) (all []string) {
	for _, l := range lines {
		if named(l.Who, l.WhoExcept, p, from, to) && named(l.To, l.ToExcept, p, to, from) {
			all = append(all, l.Ports...)
		}
	}
	return all
}

// named lets the narrowest name that fits decide.
func named(names, except []string, p small, d, other device) bool {
	return narrowest(names, p, d, other) > narrowest(except, p, d, other)
}

func narrowest(names []string, p small, d, other device) (rank int) {
	ranks := []string{"autogroup:danger-all", "*", "autogroup:member", "autogroup:tagged", "user:*@"}
	for _, name := range names {
		if !d.is(p, name, other) {
			continue
		}
		r := len(ranks) + 1
		for i, wide := range ranks {
			if strings.HasPrefix(name, wide) {
				r = i + 1
			}
		}
		if name == "autogroup:self" {
			r = len(ranks) + 2
		}
		rank = max(rank, r)
	}
	return rank
}

// The lines say of every packet between any two devices whether it is let
// through now and was not, or the other way round: no more and no less.
func TestEffect_asOneDeviceAfterAnotherSays(t *testing.T) {
	t.Parallel()
	const pairs = 800
	same := 0
	for seed := range uint64(pairs) {
		r := rand.New(rand.NewPCG(seed, *seeds))
		old := anyPolicy.policy(r)
		new := anyPolicy.change(r, old)
		if seed%8 == 0 {
			new = anyPolicy.policy(r)
		}
		e := effect(t, old.text(), new.text())
		differ, wrong := compare(e, old, new)
		if wrong == "" && (differ == e.Empty() || len(e.NotComputed) > 0) {
			wrong = fmt.Sprint("do they differ: ", differ)
		}
		if wrong != "" {
			t.Fatalf("seed %d: %s, but\n%s\nold %s\nnew %s", seed, wrong, e.Text(), old.text(), new.text())
		}
		if !differ {
			same++
		}
	}
	t.Logf("%d pairs of %d mean the same", same, pairs)
	if same < pairs/10 || same > pairs*9/10 {
		t.Error("too few of one kind to show anything")
	}
}

// seeds draws other policies than those of every day.
var seeds = flag.Uint64("seeds", 1, "which random policies to draw")

// compare asks for every packet. It reports whether any is treated differently,
// and the first of which the effects say something else.
func compare(e policyfile.Effects, old, new small) (differ bool, wrong string) {
	all, packets := devices(), probes()
	for _, from := range all {
		for _, to := range all {
			if from.name == to.name || to.guest || to.outside {
				continue
			}
			before, after := old.open(from, to), new.open(from, to)
			gained, lost := said(e.Gains, new, from, to), said(e.Loses, old, from, to)
			if len(before)+len(after)+len(gained)+len(lost) == 0 {
				continue
			}
			for _, q := range packets {
				was, is := q.in(before), q.in(after)
				differ = differ || was != is
				gains, loses := q.in(gained), q.in(lost)
				if q.protocol == "icmp" { // it goes without saying
					gains, loses = gains && !was && is, loses && was && !is
				}
				if gains != (is && !was) || loses != (was && !is) {
					return differ, fmt.Sprintf("%s to %s, %v: was %v, is %v", from.name, to.name, q, was, is)
				}
			}
		}
	}
	return differ, ""
}
