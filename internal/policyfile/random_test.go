package policyfile_test

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
)

// A small is a policy that is drawn at random.
type small struct {
	Groups    map[string][]string `json:"groups"`
	Hosts     map[string]string   `json:"hosts"`
	IPSets    map[string][]string `json:"ipsets"`
	TagOwners map[string][]string `json:"tagOwners"`
	Grants    []smallGrant        `json:"grants"`
	ACLs      []smallACL          `json:"acls"`
}

type smallGrant struct {
	Src []string `json:"src"`
	Dst []string `json:"dst"`
	IP  []string `json:"ip"`
}

type smallACL struct {
	Action string   `json:"action"`
	Src    []string `json:"src"`
	Proto  string   `json:"proto,omitempty"`
	Dst    []string `json:"dst"`
}

// A drawing is what small policies are drawn from.
type drawing struct {
	users, tags, srcs, dsts []string
}

var anyPolicy = drawing{
	users: []string{"ann@example.com", "bob@example.com", "cy@other.com"},
	tags:  []string{"tag:a", "tag:b", "tag:c"},
	srcs: []string{
		"*", "ann@example.com", "bob@example.com", "cy@other.com", "group:one", "group:two", "group:synced", "tag:a", "tag:b", "tag:c",
		"autogroup:member", "autogroup:admin", "autogroup:tagged", "autogroup:shared", "autogroup:danger-all", "user:*@example.com",
		"printer", "lan", "ipset:some", "10.0.0.0/16", "10.0.0.7", "fd00::/64",
	},
	dsts: []string{
		"*", "ann@example.com", "bob@example.com", "cy@other.com", "group:one", "group:two", "group:synced", "tag:a", "tag:b", "tag:c",
		"autogroup:member", "autogroup:admin", "autogroup:tagged", "autogroup:self", "autogroup:self", "user:*@example.com",
		"printer", "lan", "ipset:some", "10.0.0.0/16", "10.0.0.7", "fd00::/64",
	},
}

func (d drawing) policy(r *rand.Rand) small {
	p := small{
		Groups: map[string][]string{"group:one": some(r, d.users), "group:two": some(r, d.users)},
		Hosts:  map[string]string{"printer": pick(r, []string{"10.0.0.9", "10.0.0.7", "192.168.0.1"}), "lan": pick(r, []string{"10.0.0.0/24", "10.0.0.0/8"})},
		IPSets: map[string][]string{"ipset:some": pick(r, [][]string{
			{"10.0.0.0/28"}, {"add 10.0.0.0/24", "remove host:printer"}, {"add host:lan", "add fd00::/80"}, {"10.0.0.5-10.0.0.8"},
		})},
		TagOwners: map[string][]string{},
		Grants:    []smallGrant{},
		ACLs:      []smallACL{},
	}
	for _, tag := range d.tags {
		p.TagOwners[tag] = []string{}
	}
	for range r.IntN(4) {
		p.Grants = append(p.Grants, d.grant(r))
	}
	for range r.IntN(3) {
		p.ACLs = append(p.ACLs, d.acl(r))
	}
	return p
}

func (d drawing) grant(r *rand.Rand) smallGrant {
	return smallGrant{some(r, d.srcs), some(r, d.dsts), some(r, []string{"*", "22", "443", "tcp:443", "udp:53", "tcp:*", "1000-2000", "icmp:*", "gre:*", "sctp:9", "17:50-60"})}
}

func (d drawing) acl(r *rand.Rand) smallACL {
	a := smallACL{Action: "accept", Src: some(r, d.srcs), Proto: pick(r, []string{"", "", "tcp", "17"})}
	for _, dst := range some(r, d.dsts) {
		if dst == "fd00::/64" {
			dst = "[fd00::/64]"
		}
		a.Dst = append(a.Dst, dst+":"+pick(r, []string{"*", "22", "80,443", "1000-2000"}))
	}
	return a
}

// change draws a policy that is not far from p: half of the time one that may
// mean the same.
func (d drawing) change(r *rand.Rand, p small) small {
	p = clone(p)
	for range 1 + r.IntN(2) {
		switch r.IntN(9) {
		case 0:
			p.Groups["group:one"] = some(r, d.users)
		case 1:
			p.Hosts["printer"] = pick(r, []string{"10.0.0.9", "10.0.0.7"})
		case 2:
			p.Grants = append(p.Grants, d.grant(r))
		case 3:
			p.ACLs = append(p.ACLs, d.acl(r))
		case 4:
			if len(p.Grants) > 0 {
				p.Grants = p.Grants[1:]
			}
		case 5:
			p.splitSources(r)
		case 6:
			p.asGrants()
		case 7:
			p.nameMembers()
		case 8:
			slices.Reverse(p.Grants)
			for i := range p.ACLs {
				slices.Reverse(p.ACLs[i].Src)
			}
		}
	}
	return p
}

// splitSources makes a grant for each source of one.
func (p *small) splitSources(r *rand.Rand) {
	if len(p.Grants) == 0 {
		return
	}
	i := r.IntN(len(p.Grants))
	g := p.Grants[i]
	p.Grants = slices.Delete(p.Grants, i, i+1)
	for _, src := range g.Src {
		p.Grants = append(p.Grants, smallGrant{[]string{src}, g.Dst, g.IP})
	}
}

// asGrants makes grants of the ACLs for all protocols.
func (p *small) asGrants() {
	var kept []smallACL
	for _, a := range p.ACLs {
		if a.Proto != "" {
			kept = append(kept, a)
			continue
		}
		for _, dst := range a.Dst {
			host, ports := cutPorts(dst)
			p.Grants = append(p.Grants, smallGrant{a.Src, []string{host}, ports})
		}
	}
	p.ACLs = append([]smallACL{}, kept...)
}

// nameMembers puts the members of a group in its place.
func (p *small) nameMembers() {
	for i := range p.Grants {
		if at := slices.Index(p.Grants[i].Src, "group:one"); at >= 0 {
			p.Grants[i].Src = slices.Replace(slices.Clone(p.Grants[i].Src), at, at+1, p.Groups["group:one"]...)
		}
	}
}

func clone(p small) (c small) {
	text, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		panic(err)
	}
	return c
}

func (p small) text() string {
	text, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		panic(err)
	}
	return string(text)
}

func pick[T any](r *rand.Rand, from []T) T { return from[r.IntN(len(from))] }

func some(r *rand.Rand, from []string) (few []string) {
	for range 1 + r.IntN(2) {
		if one := pick(r, from); !slices.Contains(few, one) {
			few = append(few, one)
		}
	}
	return few
}
