package localtailnet

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"

	"github.com/tailscale/hujson"
	"tailscale.com/tailcfg"
)

// A policyFile is what a tailnet's policy file says.
// Source: https://tailscale.com/docs/reference/syntax/policy-file.
type policyFile struct {
	rules     []rule // grants and acls
	hasRules  bool   // it has one of these sections, which may be empty
	groups    []entry
	tagOwners []entry
	hosts     []hostEntry
	ipsets    []entry
	postures  []posture
	ssh       []sshRule
	tests     []aclTest
	sshTests  []sshTest
	approvers []approver
	nodeAttrs []nodeAttr

	defaultPosture []word
	domains        []string // whose people belong to the tailnet
}

type hostEntry struct {
	word
	prefix netip.Prefix
}

// An approver is who may have something without asking.
type approver struct {
	what string // a route, a service; "" is being an exit node
	who  []word
}

type nodeAttr struct {
	target []word
}

// A rule lets sources reach destinations: a grant, or an entry of acls.
type rule struct {
	src     []word
	dst     []destination
	posture []word
	via     []word
	app     tailcfg.PeerCapMap
	grant   bool // and not of acls, where a little more is allowed
}

// A destination is what a rule opens, and how far.
type destination struct {
	word
	access []access
}

// An access is by some protocols, to some ports.
type access struct {
	protos []int // nil is TCP, UDP and ICMP, as in tailcfg.FilterRule
	ports  []tailcfg.PortRange
}

// readPolicy reads a policy file and refuses one that is wrong in itself. Its
// tests are not run.
// People of the domains belong to the tailnet.
func readPolicy(text []byte, domains []string) (*policyFile, error) {
	r := &policyReader{text: text}
	f := &policyFile{domains: domains}
	if v := r.parse(); r.err == nil {
		r.object(v, r.sections(f))
	}
	if r.err == nil {
		f.check(r)
	}
	if !f.hasRules {
		f.rules = []rule{allowAll}
	}
	return f, r.err
}

// allowAll applies if a policy file has neither grants nor acls: Tailscale then
// allows everything, while an empty list allows nothing.
var allowAll = rule{
	grant: true, src: []word{{text: "*"}},
	dst: []destination{{word{text: "*"}, []access{{ports: everyPort}}}},
}

func (r *policyReader) sections(f *policyFile) fields {
	return fields{
		"grants":    r.rules(f, r.grant),
		"acls":      r.rules(f, r.acl),
		"groups":    r.table(&f.groups),
		"tagowners": r.table(&f.tagOwners),
		"hosts":     func(v hujson.Value) { f.hosts = r.hosts(v) },
		"ipsets":    r.table(&f.ipsets),
		"postures":  func(v hujson.Value) { f.postures = r.postures(v) },
		"ssh":       r.each(func(v hujson.Value) { f.ssh = append(f.ssh, r.sshRule(v)) }),
		"tests":     r.each(func(v hujson.Value) { f.tests = append(f.tests, r.aclTest(v)) }),
		"sshtests":  r.each(func(v hujson.Value) { f.sshTests = append(f.sshTests, r.sshTest(v)) }),

		"autoapprovers": func(v hujson.Value) { f.approvers = r.approvers(v) },
		"nodeattrs":     r.each(func(v hujson.Value) { f.nodeAttrs = append(f.nodeAttrs, r.nodeAttr(v)) }),

		"defaultsrcposture": r.words(&f.defaultPosture),

		// These change nothing between nodes.
		"derpmap": r.anything, "attrconfig": r.anything, "disableipv4": r.anything,
		"onecgnatroute": r.anything, "extradnsrecords": r.anything, "randomizeclientport": r.anything,
	}
}

// rules reads a section of rules. One that is null is as absent.
func (r *policyReader) rules(f *policyFile, read func(hujson.Value) rule) func(hujson.Value) {
	return func(v hujson.Value) {
		f.hasRules = f.hasRules || v.Value.Kind() != 'n'
		r.list(v, func(v hujson.Value) { f.rules = append(f.rules, read(v)) })
	}
}

func (r *policyReader) grant(v hujson.Value) rule {
	g := rule{grant: true}
	var dst []word
	var ip []access
	r.object(v, fields{
		"src": r.words(&g.src), "dst": r.words(&dst), "via": r.words(&g.via), "srcposture": r.words(&g.posture),
		"ip":  r.each(func(v hujson.Value) { ip = append(ip, r.access(r.string(v))) }),
		"app": func(v hujson.Value) { g.app = r.app(v) },
	})
	if len(ip) == 0 && len(g.app) == 0 {
		r.refuse("ip and app can not both be empty")
	}
	for _, d := range dst {
		g.dst = append(g.dst, destination{d, ip})
	}
	return g
}

func (r *policyReader) acl(v hujson.Value) rule {
	var a rule
	var action, proto word
	var dst []word
	r.object(v, fields{
		"action": r.word(&action), "proto": r.word(&proto),
		"src": r.words(&a.src), "users": r.words(&a.src),
		"dst": r.words(&dst), "ports": r.words(&dst),
		"srcposture": r.words(&a.posture),
	})
	if action.text != "accept" {
		r.refuse("action=%q is not supported", action.text)
	}
	for _, d := range dst {
		a.dst = append(a.dst, r.destination(d, proto))
	}
	return a
}

// tailscaleCapabilities are the capabilities of Tailscale's own that a policy
// may give. Sources: the documentation of Taildrive, peer relays, the web
// interface, the Kubernetes operator, tsidp, golink and setec.
var tailscaleCapabilities = []string{
	"tailscale.com/cap/drive", "tailscale.com/cap/relay", "tailscale.com/cap/webui", "tailscale.com/cap/kubernetes",
	"tailscale.com/cap/tsidp", "tailscale.com/cap/golink", "tailscale.com/cap/secrets",
}

// app reads capabilities: by name, lists of values that only the applications
// understand.
func (r *policyReader) app(v hujson.Value) tailcfg.PeerCapMap {
	caps := tailcfg.PeerCapMap{}
	r.members(v, asWritten, func(name word, v hujson.Value) {
		switch domain, _, _ := strings.Cut(name.text, "/"); {
		case !capabilityName.MatchString(name.text):
			r.refuse("capability name must have the form {domain}/{path}")
		case domain == "tailscale.com" && !slices.Contains(tailscaleCapabilities, name.text):
			r.refuse("capability name must not be in the tailscale.com domain")
		}
		values := []tailcfg.RawMessage{}
		r.list(v, func(v hujson.Value) {
			v = v.Clone()
			v.Minimize()
			values = append(values, tailcfg.RawMessage(v.Pack()))
		})
		caps[tailcfg.PeerCapability(name.text)] = values
	})
	return caps
}

func (r *policyReader) hosts(v hujson.Value) (hosts []hostEntry) {
	r.members(v, asWritten, func(name word, v hujson.Value) {
		address := r.string(v)
		prefix, err := parseAddresses(address.text)
		if err != nil {
			r.refuse("host %q: %v", name.text, err)
		}
		hosts = append(hosts, hostEntry{name, prefix})
	})
	return hosts
}

func (r *policyReader) approvers(v hujson.Value) (all []approver) {
	table := func(v hujson.Value) {
		r.members(v, asWritten, func(name word, v hujson.Value) {
			all = append(all, approver{name.text, r.strings(v)})
		})
	}
	r.object(v, fields{
		"routes": table, "services": table,
		"exitnode": func(v hujson.Value) { all = append(all, approver{"", r.strings(v)}) },
	})
	return all
}

func (r *policyReader) nodeAttr(v hujson.Value) (a nodeAttr) {
	var attrs, pools []word
	r.object(v, fields{
		"target": r.words(&a.target), "attr": r.words(&attrs), "app": r.anything, "ippool": r.words(&pools),
	})
	for _, pool := range pools {
		r.checkPool(pool.text)
	}
	return a
}

// checkPool refuses an ipPool of which nodes can get no addresses.
func (r *policyReader) checkPool(text string) {
	switch prefix, err := parseAddresses(text); {
	case err != nil:
		r.refuse("IPPool(%s): %v", text, err)
	case reserved.OverlapsPrefix(prefix):
		r.refuse("IPPool(%s): network within reserved range", text)
	case !tailnet.ContainsPrefix(prefix) || !prefix.Addr().Is4():
		r.refuse("IPPool(%s): network not within 100.64.0.0/10", text)
	}
}

// standardJSON is the file without what only HuJSON has.
func standardJSON(text []byte) (json.RawMessage, error) {
	plain, err := hujson.Minimize(slices.Clone(text))
	return plain, err
}
