package policyfile

import "strings"

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

// A spelling is a selector, or what one begins with.
type spelling struct {
	text  string
	class class
}

var autogroups = []spelling{
	{"*", everyone}, {"autogroup:danger-all", outsiders}, {"autogroup:member", aMember}, {"autogroup:tagged", aTagged},
	{"autogroup:shared", aGuest}, {"autogroup:self", ownNodes}, {"autogroup:internet", theInternet}, {"autogroup:owner", aRole},
	{"autogroup:admin", aRole}, {"autogroup:it-admin", aRole}, {"autogroup:network-admin", aRole},
	{"autogroup:billing-admin", aRole}, {"autogroup:auditor", aRole},
}

var prefixes = []spelling{
	{"autogroup:", unknown}, {"user:*@", aDomain}, {"group:", aGroup}, {"tag:", aTag}, {"svc:", aService}, {"ipset:", anIPSet},
}

func parseSelector(s string) selector {
	if s == "autogroup:members" { // as it was called
		s = "autogroup:member"
	}
	for _, a := range autogroups {
		if s == a.text {
			return selector{class: a.class, name: s}
		}
	}
	for _, p := range prefixes {
		if strings.HasPrefix(s, p.text) {
			return selector{class: p.class, name: s}
		}
	}
	if strings.Contains(s, "@") {
		return selector{class: aUser, name: s}
	}
	if b, ok := parseBlock(s); ok {
		return selector{class: anAddress, name: strings.Trim(s, "[]"), block: b}
	}
	return selector{class: aHost, name: strings.TrimPrefix(s, "host:")}
}
