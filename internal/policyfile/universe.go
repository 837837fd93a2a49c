package policyfile

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
	"strings"
)

// An atom is the least that two policies tell apart: one user or tag that they
// name, a range of addresses whose parts they treat alike, or the rest of
// something: the members of the tailnet that neither names, for example.
type atom struct {
	class class
	name  string
	block block
}

// The rests.
var (
	anyone       = atom{class: everyone, name: "*"}
	anyOutsider  = atom{class: outsiders, name: "autogroup:danger-all"}
	anyMember    = atom{class: aMember, name: "autogroup:member"}
	anyTagged    = atom{class: aTagged, name: "autogroup:tagged"}
	anyoneShared = atom{class: aGuest, name: "autogroup:shared"}
)

// A universe is all atoms of two policies.
type universe struct {
	atoms []atom
	index map[atom]int // of those that are no addresses
}

func newUniverse(policies ...*policy) *universe {
	u := &universe{index: map[atom]int{}}
	var blocks []block
	for _, a := range []atom{anyone, anyOutsider, anyMember, anyTagged, anyoneShared} {
		u.add(a)
	}
	for _, p := range policies {
		for s := range p.selectors() {
			switch s.class {
			case aUser, aDomain, aRole, aTag, aService, aGroup:
				if _, known := p.groups[s.name]; !known {
					u.add(atom{class: s.class, name: s.name})
				}
			case anAddress:
				blocks = append(blocks, s.block)
			}
		}
	}
	for _, b := range cut(blocks) {
		u.atoms = append(u.atoms, atom{anAddress, b.String(), b})
	}
	return u
}

func (u *universe) add(a atom) {
	if _, ok := u.index[a]; !ok {
		u.index[a] = len(u.atoms)
		u.atoms = append(u.atoms, a)
	}
}

// cut makes ranges of which each lies in or out of every block, in order. What
// is in none is not there.
func cut(blocks []block) (cells []block) {
	var starts []netip.Addr
	for _, b := range blocks {
		starts = append(starts, b.from)
		if next := b.to.Next(); next.IsValid() {
			starts = append(starts, next)
		}
	}
	sort.Slice(starts, func(i, j int) bool { return starts[i].Less(starts[j]) })
	starts = slices.Compact(starts)
	for i, from := range starts {
		end := from // of the block that reaches furthest from here
		covered := false
		for _, b := range blocks {
			if b.from.BitLen() == from.BitLen() && b.from.Compare(from) <= 0 && b.to.Compare(from) >= 0 {
				covered = true
				end = maxAddr(end, b.to)
			}
		}
		if !covered {
			continue
		}
		if i+1 < len(starts) && starts[i+1].BitLen() == from.BitLen() && starts[i+1].Compare(end) <= 0 {
			end = starts[i+1].Prev()
		}
		cells = append(cells, block{from, end})
	}
	return cells
}

func maxAddr(a, b netip.Addr) netip.Addr {
	if a.Compare(b) < 0 {
		return b
	}
	return a
}

// where is the set of atoms for which f holds.
func (u *universe) where(f func(a atom) bool) set {
	s := newSet(len(u.atoms))
	for i, a := range u.atoms {
		if f(a) {
			s.add(i)
		}
	}
	return s
}

// isPerson holds for what owns nodes without tags.
func (a atom) isPerson() bool {
	return a.class >= aMember && a.class <= aUser
}

// rests are the atoms that are what is left of a selector to which others belong,
// too; the widest first.
func (u *universe) rests() []atom {
	all := []atom{anyOutsider, anyone, anyMember, anyTagged}
	for _, a := range u.atoms {
		if a.class == aDomain {
			all = append(all, a)
		}
	}
	return all
}

func (a atom) canBeSource() bool { return a.class != aService }

func (a atom) canBeDestination() bool { return a.class != aGuest && a.class != outsiders }

// of are the atoms that a selector selects by itself, without looking into a
// policy: groups, hosts and IP sets need one.
func (u *universe) of(s selector) set {
	switch s.class {
	case outsiders:
		return u.where(func(atom) bool { return true })
	case everyone:
		return u.where(func(a atom) bool { return a.class != outsiders })
	case aMember:
		return u.where(atom.isPerson)
	case aTagged:
		return u.where(func(a atom) bool { return a.class == aTag || a.class == aTagged })
	case aDomain:
		return u.where(func(a atom) bool {
			return a.name == s.name || a.class == aUser && strings.HasSuffix(a.name, strings.TrimPrefix(s.name, "user:*"))
		})
	case anAddress:
		return u.where(func(a atom) bool {
			return a.class == anAddress && s.block.from.Compare(a.block.from) <= 0 && s.block.to.Compare(a.block.to) >= 0 &&
				s.block.from.BitLen() == a.block.from.BitLen()
		})
	case aUser, aGroup, aRole, aTag, aGuest, aService:
		return u.where(func(a atom) bool { return a.class == s.class && a.name == s.name })
	}
	return newSet(len(u.atoms))
}

// inOrder puts names as people look for them: * first, then by kind and name.
func inOrder(a, b string) int {
	return cmp.Or(int(rank(a)-rank(b)), strings.Compare(a, b))
}

func rank(name string) class { return parseSelector(name).class }
