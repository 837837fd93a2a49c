package policyfile

import (
	"net/netip"
	"strings"
)

// A class is what a selector selects by.
type class int

const (
	unknown   class = iota // nobody here knows what it is
	everyone               // *: the tailnet's nodes and approved routes
	outsiders              // autogroup:danger-all: everyone, and what is outside
	aMember                // autogroup:member
	aRole                  // autogroup:admin
	aDomain                // user:*@example.com
	aGroup
	aUser
	ownNodes // autogroup:self
	aTagged  // autogroup:tagged
	aTag
	aGuest      // autogroup:shared
	theInternet // autogroup:internet
	aService
	aHost
	anIPSet
	anAddress
)

// A selector is what a rule names in src or dst.
type selector struct {
	class class
	name  string // in one spelling
	block block  // of addresses
}

// A block is a range of addresses, both ends included.
type block struct{ from, to netip.Addr }

var autogroups = map[string]class{
	"member": aMember, "members": aMember, "tagged": aTagged, "shared": aGuest, "self": ownNodes, "internet": theInternet, "danger-all": outsiders,
	"owner": aRole, "admin": aRole, "it-admin": aRole, "network-admin": aRole, "billing-admin": aRole, "auditor": aRole,
}

// prefixes begin the selectors that are told by them.
var prefixes = []struct {
	prefix string
	class  class
}{{"user:*@", aDomain}, {"group:", aGroup}, {"tag:", aTag}, {"svc:", aService}, {"ipset:", anIPSet}, {"host:", aHost}}

func parseSelector(s string) selector {
	if s == "*" {
		return selector{class: everyone, name: s}
	}
	if name, ok := strings.CutPrefix(s, "autogroup:"); ok {
		if c := autogroups[name]; c == aMember {
			s = "autogroup:member"
		}
		return selector{class: autogroups[name], name: s}
	}
	for _, p := range prefixes {
		if strings.HasPrefix(s, p.prefix) {
			return selector{class: p.class, name: s}
		}
	}
	if strings.Contains(s, "@") {
		return selector{class: aUser, name: s}
	}
	if b, ok := parseBlock(s); ok {
		return selector{class: anAddress, name: strings.Trim(s, "[]"), block: b}
	}
	return selector{class: aHost, name: "host:" + s}
}

// parseBlock reads an address, a CIDR, or two addresses with a hyphen between.
func parseBlock(s string) (block, bool) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if p, err := netip.ParsePrefix(s); err == nil {
		return blockOf(p.Masked()), true
	}
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	a, err := netip.ParseAddr(first)
	b, err2 := netip.ParseAddr(last)
	ok := err == nil && err2 == nil && a.Zone() == "" && b.Zone() == "" && a.BitLen() == b.BitLen() && a.Compare(b) <= 0
	return block{a, b}, ok
}

func blockOf(p netip.Prefix) block {
	last := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(last); bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	end, _ := netip.AddrFromSlice(last)
	return block{p.Addr(), end}
}

// String is the shortest way to write a block.
func (b block) String() string {
	if b.from == b.to {
		return b.from.String()
	}
	for bits := range b.from.BitLen() {
		if p := netip.PrefixFrom(b.from, bits); p.Masked() == p && blockOf(p) == b {
			return p.String()
		}
	}
	return b.from.String() + "-" + b.to.String()
}
