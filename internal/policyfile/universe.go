package policyfile

import (
	"cmp"
	"strings"
)

// An atom is the least that two policies tell apart: one user or tag that they
// name, a range of addresses whose parts they treat alike, or the rest of
// something: the members of the tailnet that neither names, for example. A rest
// has the name of the whole.
type atom = selector

// A universe is all atoms of two policies.
type universe struct {
	atoms        []atom
	sources      set
	destinations set
}

func newUniverse(policies ...*policy) *universe {
	u := &universe{}
	seen := map[string]bool{}
	var blocks []block
	add := func(name string, groups map[string][]string) {
		s := parseSelector(name)
		_, isDefined := groups[s.name]
		switch {
		case s.class == anAddress:
			blocks = append(blocks, s.block)
		case isDefined, seen[s.name], s.class == aHost, s.class == anIPSet, s.class == ownNodes, s.class == theInternet, s.class == unknown:
		default:
			seen[s.name] = true
			u.atoms = append(u.atoms, s)
		}
	}
	for _, name := range rests {
		add(name, nil)
	}
	for _, p := range policies {
		for _, name := range p.names() {
			add(name, p.Groups)
		}
	}
	for _, b := range cut(blocks) {
		u.atoms = append(u.atoms, atom{anAddress, b.String(), b})
	}
	u.sources, u.destinations = make(set, len(u.atoms)), make(set, len(u.atoms))
	for i, a := range u.atoms {
		if a.class != aService {
			u.sources[i] = 1
		}
		if a.class != aGuest && a.class != outsiders {
			u.destinations[i] = 1
		}
	}
	return u
}

// rests are selectors that are there whether they are used or not; the widest
// first.
var rests = []string{"autogroup:danger-all", "*", "autogroup:member", "autogroup:tagged", "autogroup:shared"}

// isPerson holds for what owns nodes without tags.
func isPerson(a *atom) bool { return a.class >= aMember && a.class <= aUser }

// of are the atoms that a selector selects by itself, without looking into a
// policy: groups, hosts and IP sets need one.
func (u *universe) of(s selector) set {
	all := make(set, len(u.atoms))
	for i := range u.atoms {
		if selects(&s, &u.atoms[i]) {
			all[i] = 1
		}
	}
	return all
}

func selects(s *selector, a *atom) bool {
	switch s.class {
	case outsiders:
		return true
	case everyone:
		return a.class != outsiders
	case aMember:
		return isPerson(a)
	case aTagged:
		return a.class == aTag || a.class == aTagged
	case aDomain:
		return a.name == s.name || a.class == aUser && strings.HasSuffix(a.name, s.name[len("user:*"):])
	case anAddress:
		return a.class == anAddress && s.block.from <= a.block.from && a.block.to <= s.block.to
	}
	return a.class == s.class && a.name == s.name
}

// inOrder puts names as people look for them: * first, then by kind and name.
func inOrder(a, b string) int {
	return cmp.Or(int(parseSelector(a).class)-int(parseSelector(b).class), strings.Compare(a, b))
}
