package localtailnet

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
	"tailscale.com/net/tsaddr"
)

// An aclTest is what a policy file says of itself: src may reach each address
// of accept, and none of deny.
type aclTest struct {
	src, proto   word
	accept, deny []word
	attributes   map[string]any // of the posture of src
}

// A testFailure is what the API says of one test. User is the test's src.
type testFailure struct {
	User     string   `json:"user,omitempty"`
	Errors   []string `json:"errors,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
}

func (r *policyReader) aclTest(v hujson.Value) aclTest {
	var t aclTest
	r.object(v, fields{
		"src": r.word(&t.src), "user": r.word(&t.src), "proto": r.word(&t.proto),
		"accept": r.words(&t.accept), "allow": r.words(&t.accept), "deny": r.words(&t.deny),
		"srcpostureattrs": r.attributes(&t.attributes),
	})
	return t
}

// problem says why a test asserts nothing that could be looked at; "" if it
// does. Tailscale takes such a test for one that fails.
func (f *policyFile) problem(t aclTest) string {
	r := &policyReader{}
	switch protos, err := parseProtocol(t.proto.text); {
	case len(t.accept)+len(t.deny) == 0:
		r.refuse("test entry must have at least one of \"accept\" or \"deny\"")
	case t.src.text == "":
		r.refuse("test entry must have a src")
	case err != nil || slices.ContainsFunc(protos, func(p int) bool { return !slices.Contains(withPorts, p) }):
		r.refuse("test protocol must be tcp, udp, sctp, or empty")
	}
	f.checkSingle(r, t.src, inTestSrc)
	for _, w := range slices.Concat(t.accept, t.deny) {
		d := r.destination(w, word{})
		if len(d.access) > 0 && !d.access[0].isOnePort() {
			r.refuse("test destination %q: port must be a single port", w.text)
		}
		f.checkSingle(r, d.word, inTestDst)
	}
	if r.err == nil {
		return ""
	}
	return r.err.Error()
}

func (a access) isOnePort() bool { return len(a.ports) == 1 && a.ports[0].First == a.ports[0].Last }

// checkSingle refuses what a place does not take, and addresses that are many
// or written as if they were.
func (f *policyFile) checkSingle(r *policyReader, w word, p place) {
	f.checkPlace(r, w, p)
	t := w.target()
	if r.err == nil && t.kind == kindHost {
		t.prefix = applied{policyFile: f}.host(t)
	}
	if t.prefix.IsValid() && (!t.prefix.IsSingleIP() || strings.Contains(w.text, "/")) {
		r.refuse("test %s %q must be a single host, not a CIDR range", p.name, w.text)
	}
}

// run returns the tests that fail.
func (a applied) run(tests []aclTest) (failed []testFailure) {
	for _, t := range tests {
		if errs := a.runTest(t); len(errs) > 0 {
			failed = append(failed, testFailure{User: t.src.text, Errors: errs})
		}
	}
	return failed
}

func (a applied) runTest(t aclTest) (errs []string) {
	if problem := a.problem(t); problem != "" {
		return []string{problem}
	}
	src := a.testSources(t.src, t.attributes)
	if len(src) == 0 {
		return []string{fmt.Sprintf("%q stands for nobody", t.src.text)}
	}
	for _, w := range t.accept {
		if reached, of := a.count(t, src, w); reached < of || of == 0 {
			errs = append(errs, fmt.Sprintf("address %q: want: Accept, got: Drop", w.text))
		}
	}
	for _, w := range t.deny {
		if reached, _ := a.count(t, src, w); reached > 0 {
			errs = append(errs, fmt.Sprintf("address %q: want: Drop, got: Accept", w.text))
		}
	}
	return errs
}

// count says how many of the pairs of a source and a destination may talk.
func (a applied) count(t aclTest, src []machine, w word) (reached, of int) {
	d := new(policyReader).destination(w, word{})
	protos, _ := parseProtocol(t.proto.text)
	if protos == nil {
		protos = []int{6, 17} // either will do where the test names none
	}
	for _, s := range src {
		for _, m := range a.standIns(d.target(), s, standInDst) {
			with := a
			with.machines = append(slices.Clone(a.machines), s, m)
			of++
			if with.reaches(s, m, protos, d.access[0].ports[0].First) {
				reached++
			}
		}
	}
	return reached, of
}

// reaches asks the packet filter that m would be sent.
func (a applied) reaches(s, m machine, protos []int, port uint16) bool {
	f := newFilter(a.filterFor(m), m)
	for _, src := range s.addrs {
		for _, dst := range m.addrs {
			if src.Is4() == dst.Is4() && slices.ContainsFunc(protos, func(p int) bool { return accepts(f, src, dst, p, port) }) {
				return true
			}
		}
	}
	return false
}

// Where the machines of a test have their addresses, which no node has.
var (
	standInSrc = netip.MustParseAddr("100.127.254.1")
	standInDst = netip.MustParseAddr("100.127.255.1")
)

// standIns are machines as t means them: one of each that there could be,
// whether or not the tailnet has any now. Beside is the other end.
func (a applied) standIns(t target, beside machine, first netip.Addr) (all []machine) {
	switch t.kind {
	case kindAddresses:
		return []machine{a.machineAt(t.prefix.Addr())}
	case kindHost:
		return []machine{a.machineAt(a.host(t).Addr())}
	case kindTag:
		all = []machine{{tags: []string{t.text}}}
	case kindGroup:
		if g := find(a.groups, t.text); g != nil {
			for _, w := range g.of {
				all = append(all, machine{login: somebody(w.target())})
			}
		}
	case kindAutogroup:
		all = a.autogroupStandIns(t.name(), beside)
	default:
		all = []machine{{login: somebody(t)}}
	}
	for i := range all {
		all[i].addrs = []netip.Addr{first, tsaddr.Tailscale4To6(first)}
		first = first.Next()
	}
	return all
}

// testSources are the machines that a test is about, with the posture
// attributes that it gives them.
func (a applied) testSources(src word, attributes map[string]any) []machine {
	all := a.standIns(src.target(), machine{}, standInSrc)
	for i := range all {
		own := maps.Clone(attributes)
		if own == nil {
			own = map[string]any{}
		}
		for key, value := range all[i].attributes {
			if _, given := own[key]; !given {
				own[key] = value
			}
		}
		all[i].attributes = own
	}
	return all
}

// somebody is a login name that t means.
func somebody(t target) string {
	return strings.Replace(strings.TrimPrefix(t.text, kindDomain+":"), "*@", "somebody@", 1)
}

func (a applied) autogroupStandIns(name string, beside machine) []machine {
	switch name {
	case "tagged":
		return []machine{{tags: []string{"tag:"}}}
	case "network-admin", "it-admin", "billing-admin", "auditor":
		return []machine{{login: "somebody", role: name}}
	case "member", "members":
		return []machine{{login: "somebody"}}
	case "owner", "admin":
		return []machine{{login: a.owner}}
	case "self":
		if beside.login != "" {
			return []machine{{login: beside.login}}
		}
	}
	return nil
}

// machineAt is the one with this address, or else one that is nobody's.
func (a applied) machineAt(addr netip.Addr) machine {
	for _, m := range a.machines {
		if slices.Contains(m.addrs, addr) {
			return m
		}
	}
	return machine{addrs: []netip.Addr{addr}, isElsewhere: true}
}
