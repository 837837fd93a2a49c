package policyfile_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/policyfile"
)

// onTailnet draws what the local tailnet takes, and has nodes for.
var onTailnet = drawing{
	users: anyPolicy.users,
	tags:  []string{"tag:a", "tag:b", "tag:c", "tag:router"},
	srcs:  without(anyPolicy.srcs, "group:synced", "autogroup:shared"),
	dsts:  without(anyPolicy.dsts, "group:synced"),
}

// byAddress also draws the addresses of nodes.
var byAddress = drawing{
	users: onTailnet.users, tags: onTailnet.tags,
	srcs: append([]string{"100.64.0.0/30", "100.64.0.5"}, onTailnet.srcs...),
	dsts: append([]string{"100.64.0.0/30", "100.64.0.5"}, onTailnet.dsts...),
}

func without(list []string, some ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(some, s) })
}

// An end is a node or an address behind one: as the tailnet knows it, and as the
// rules may mean it.
type end struct {
	address netip.Addr
	as      []device
}

// ends makes the nodes. Two are of one person, one has two tags. What the lines
// say of a node that is several things is what they say of any of these.
func ends(tn *localtailnet.Tailnet, addresses bool) (all []end) {
	routes := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/15"), netip.MustParsePrefix("192.168.0.0/16"), netip.MustParsePrefix("fd00::/48")}
	for i, d := range []device{
		{user: "ann@example.com"}, {user: "ann@example.com"}, {user: "bob@example.com"}, {user: "cy@other.com"}, {user: "dee@example.com"}, {role: "autogroup:admin"},
		{tag: "tag:a"}, {tag: "tag:b"}, {tag: "tag:c"}, {tag: "tag:a tag:b"}, {tag: "tag:router"},
	} {
		o := localtailnet.KeyOptions{User: d.user}
		if d.tag != "" {
			o.Tags = strings.Fields(d.tag)
		}
		var advertised []netip.Prefix
		if d.tag == "tag:router" {
			advertised = routes
		}
		if d.role != "" {
			d.user = "owner@tailjoin.example"
		}
		node := tn.AddNode(fmt.Sprint("node", i), o, advertised...)
		for _, ip := range node.IPs {
			e := end{address: ip}
			for _, tag := range append(o.Tags, "")[:max(1, len(o.Tags))] {
				d.tag = tag
				e.as = append(e.as, d)
			}
			if addresses {
				e.as = append(e.as, device{address: ip.String()})
			}
			all = append(all, e)
		}
	}
	for _, a := range []string{"10.0.0.5", "10.0.0.7", "10.0.0.9", "10.0.0.200", "10.0.1.1", "192.168.0.1", "fd00::1"} {
		all = append(all, end{netip.MustParseAddr(a), []device{{address: a}}})
	}
	return all
}

var numbers = map[string]int{"tcp": 6, "udp": 17, "sctp": 132, "gre": 47}

func (q probe) number(a netip.Addr) int {
	if q.protocol == "icmp" && a.Is6() {
		return 58
	} else if q.protocol == "icmp" {
		return 1
	}
	return numbers[q.protocol]
}

// What the lines say is what the packet filters of nodes do, for each of which
// the lines know one thing. Of others they say nothing that is not so, and
// nothing becomes so of which they say nothing.
func TestEffect_asPacketFiltersHaveIt(t *testing.T) {
	for name, test := range map[string]struct {
		from      drawing
		addresses bool
		pairs     int
	}{
		"by name":    {onTailnet, false, 1000},
		"by address": {byAddress, true, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn, err := localtailnet.Start(t.Context(), localtailnet.Options{AutoApproveRoutes: true, UserDomains: []string{"example.com"}})
			if err != nil {
				t.Fatal(err)
			}
			defer tn.Close()
			all := ends(tn, test.addresses)
			flips := 0
			for n, seed := 0, uint64(0); n < test.pairs; seed++ {
				r := rand.New(rand.NewPCG(seed, *seeds))
				old := test.from.policy(r)
				new := test.from.change(r, old)
				e := effect(t, old.text(), new.text())
				questions := ask(r, all, e, old, new)
				was, is := answers(t, tn, questions, old), answers(t, tn, questions, new)
				if was != nil && is != nil {
					n++
					flips += check(t, seed, questions, e, old, new, was, is)
				}
			}
			t.Logf("%d pairs, %d differences", test.pairs, flips)
			if flips < test.pairs {
				t.Error("too few to show anything")
			}
		})
	}
}

// A question is whether a packet is let through.
type question struct {
	from, to *end
	probe
}

var everyQuestion = flag.Bool("every", false, "ask the packet filters for each pair of nodes, for minutes")

// ask draws questions: some of those of which the effects say something, and
// some others.
func ask(r *rand.Rand, all []end, e policyfile.Effects, old, new small) (questions []question) {
	var told, rest []question
	for i := range all {
		for j := range all {
			if i == j || all[i].address.Is4() != all[j].address.Is4() {
				continue
			}
			ports := append(saidOf(e.Gains, new, all[i], all[j]), saidOf(e.Loses, old, all[i], all[j])...)
			for _, q := range fewProbes {
				one := question{&all[i], &all[j], q}
				if !*everyQuestion && q.in(ports) {
					told = append(told, one)
				} else {
					rest = append(rest, one)
				}
			}
		}
	}
	if *everyQuestion {
		return rest
	}
	for _, list := range [][]question{told, rest} {
		for range min(len(list), 60) {
			questions = append(questions, pick(r, list))
		}
	}
	return questions
}

var fewProbes = []probe{{"tcp", 22}, {"tcp", 443}, {"udp", 53}, {"udp", 1500}, {"icmp", 0}, {"gre", 0}, {"sctp", 9}}

// answers are nil for a policy that the tailnet does not take.
func answers(t *testing.T, tn *localtailnet.Tailnet, questions []question, p small) (all []bool) {
	t.Helper()
	if err := tn.SetPolicy(p.text()); err != nil {
		if !strings.Contains(err.Error(), "autogroup:self can only") {
			t.Fatalf("%v\n%s", err, p.text())
		}
		return nil
	}
	for _, q := range questions {
		all = append(all, tn.Allows(q.from.address, q.to.address, q.number(q.from.address), uint16(q.port)))
	}
	return all
}

func check(t *testing.T, seed uint64, questions []question, e policyfile.Effects, old, new small, was, is []bool) (flips int) {
	t.Helper()
	for i, q := range questions {
		if was[i] != is[i] {
			flips++
		}
		if q.isCertain(e.Gains, new) && (was[i] || !is[i]) || q.isCertain(e.Loses, old) && (!was[i] || is[i]) {
			t.Fatalf("seed %d: %v to %v, %v: was %v, is %v, and something else is said for certain\n%s\nold %s\nnew %s", seed, q.from, q.to, q.probe, was[i], is[i], e.Text(), old.text(), new.text())
		}
		if wrong := q.wrong(q.in(saidOf(e.Gains, new, *q.from, *q.to)), q.in(saidOf(e.Loses, old, *q.from, *q.to)), was[i], is[i]); wrong != "" {
			t.Fatalf("seed %d: %v to %v, %v: was %v, is %v, %s\n%s\nold %s\nnew %s", seed, q.from, q.to, q.probe, was[i], is[i], wrong, e.Text(), old.text(), new.text())
		}
	}
	return flips
}

// wrong says what is wrong with what the lines say.
func (q question) wrong(gains, loses, was, is bool) string {
	gained, lost := is && !was, was && !is
	switch {
	case gained && !gains || lost && !loses:
		return "and nothing says so"
	case q.protocol == "icmp": // it goes without saying
	case gains && !is || loses && !was:
		return "and something else is said"
	case len(q.from.as) == 1 && len(q.to.as) == 1 && (gains != gained || loses != lost):
		return "and more is said"
	}
	return ""
}

// isCertain reports whether lines without a doubt are about a packet, whatever
// else its ends are. Of a node with two tags they only know one.
func (q question) isCertain(lines []policyfile.Line, p small) bool {
	certain := slices.DeleteFunc(slices.Clone(lines), func(l policyfile.Line) bool { return len(l.Uncertain) > 0 })
	return q.protocol != "icmp" && !q.from.hasTwoTags() && !q.to.hasTwoTags() && q.in(saidOf(certain, p, *q.from, *q.to))
}

func (e end) hasTwoTags() bool {
	return slices.ContainsFunc(e.as, func(d device) bool { return d.tag != "" && d.tag != e.as[0].tag })
}

// saidOf is said for all that two ends are.
func saidOf(lines []policyfile.Line, p small, from, to end) (ports []string) {
	for _, one := range from.as {
		for _, other := range to.as {
			ports = append(ports, said(lines, p, one, other)...)
		}
	}
	return ports
}
