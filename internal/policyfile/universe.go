package policyfile

import (
	"cmp"
	"fmt"
	"sort"
	"strings"
)

// An atom is the least that two policies tell apart: one user or tag that they
// name, a range of addresses whose parts they treat alike, or the rest of
// something: the members of the tailnet that neither names, for example. A rest
// has the name of the whole.
type atom = selector

// A universe is all atoms of two policies.
type universe struct {
	*budget
	atoms   []atom // addresses last, in their order
	numbers map[string]int
	single  map[string]int // atoms that select themselves and nothing else
	firstIP int

	sources, destinations              set
	outside, everyone, members, tagged set
	domains                            map[string]set // by selector, once they were asked for

	unknowns       []string // selectors that no policy defines
	unknownNumbers map[string]int
	parsed         map[string]selector // what a text selects by
	sets           map[string]*interned
}

func newUniverse(b *budget, policies ...*policy) *universe {
	u := &universe{
		budget: b, numbers: map[string]int{}, single: map[string]int{}, domains: map[string]set{},
		unknownNumbers: map[string]int{}, parsed: map[string]selector{}, sets: map[string]*interned{},
	}
	var blocks []block
	add := func(name string, groups map[string][]string) {
		s := u.parse(name)
		_, isDefined := groups[s.name]
		_, isThere := u.numbers[s.name]
		switch {
		case s.class == anAddress:
			blocks = append(blocks, s.block)
		case isDefined, isThere, s.class == aHost, s.class == anIPSet, s.class == ownNodes, s.class == theInternet, s.class == unknown:
		default:
			u.addAtom(s)
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
	u.firstIP = len(u.atoms)
	for _, b := range cut(blocks) {
		u.atoms = append(u.atoms, atom{anAddress, b.String(), b})
	}
	u.sort()
	return u
}

func (u *universe) addAtom(a atom) {
	u.numbers[a.name] = len(u.atoms)
	if a.class >= aRole && a.class != aDomain && a.class != aTagged {
		u.single[a.name] = len(u.atoms)
	}
	u.atoms = append(u.atoms, a)
}

// sort puts the atoms into the sets that wide selectors mean.
func (u *universe) sort() {
	u.sources, u.destinations, u.outside, u.everyone = u.newSet(), u.newSet(), u.newSet(), u.newSet()
	u.members, u.tagged = u.newSet(), u.newSet()
	for i := range u.atoms {
		a := &u.atoms[i]
		u.outside.add(i)
		if a.class != outsiders {
			u.everyone.add(i)
		}
		if a.class != aService {
			u.sources.add(i)
		}
		if a.class != aGuest && a.class != outsiders {
			u.destinations.add(i)
		}
		if isPerson(a) {
			u.members.add(i)
		}
		if a.class == aTag || a.class == aTagged {
			u.tagged.add(i)
		}
	}
}

// newSet is an empty set.
func (u *universe) newSet() set {
	n := wordsFor(len(u.atoms))
	u.spend(perWord * (n + 1))
	return make(set, n)
}

// parse is parseSelector, once for each text.
func (u *universe) parse(text string) selector {
	s, ok := u.parsed[text]
	if !ok {
		u.spend(perWord * 4)
		s = parseSelector(text)
		u.parsed[text] = s
	}
	return s
}

// unknown is a set of one selector that cannot be followed.
func (u *universe) unknown(text string) set {
	n, ok := u.unknownNumbers[text]
	if !ok {
		n = len(u.unknowns)
		u.unknowns = append(u.unknowns, text)
		u.unknownNumbers[text] = n
	}
	u.spend(perWord * wordsFor(n+1))
	s := make(set, wordsFor(n+1))
	s.add(n)
	return s
}

// unknownNames are the first of such selectors.
func (u *universe) unknownNames(unknown set) string {
	var names []string
	for i := range unknown.all() {
		if len(names) > mostListed {
			break
		}
		names = append(names, u.unknowns[i])
	}
	if more := unknown.len() - mostListed; more > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostListed], " "), more)
	}
	return strings.Join(names, " ")
}

// intern is the one copy of a set that parts use.
func (u *universe) intern(s set) *interned {
	u.spend(perWord * len(s))
	key := s.key()
	one := u.sets[key]
	if one == nil {
		one = &interned{s, len(u.sets)}
		u.sets[key] = one
	}
	return one
}

// rests are selectors that are there whether they are used or not; the widest
// first.
var rests = []string{"autogroup:danger-all", "*", "autogroup:member", "autogroup:tagged", "autogroup:shared"}

// isPerson holds for what owns nodes without tags.
func isPerson(a *atom) bool { return a.class >= aMember && a.class <= aUser }

// of are the atoms that a selector selects by itself, without looking into a
// policy: groups, hosts and IP sets need one. The caller must not change them.
func (u *universe) of(s selector) set {
	switch s.class {
	case outsiders:
		return u.outside
	case everyone:
		return u.everyone
	case aMember:
		return u.members
	case aTagged:
		return u.tagged
	case aDomain:
		return u.domain(s)
	}
	all := u.newSet()
	if s.class == anAddress {
		u.addBlock(all, s.block)
	} else if i, ok := u.numbers[s.name]; ok && u.atoms[i].class == s.class {
		all.add(i)
	}
	return all
}

// addBlock adds the addresses of a block that begins and ends where atoms do.
func (u *universe) addBlock(to set, b block) {
	ips := u.atoms[u.firstIP:]
	first := sort.Search(len(ips), func(i int) bool { return ips[i].block.from >= b.from })
	for i := first; i < len(ips) && ips[i].block.to <= b.to; i++ {
		u.spend(1)
		to.add(u.firstIP + i)
	}
}

// domain are the users of a domain, with the rest of them.
func (u *universe) domain(s selector) set {
	all, ok := u.domains[s.name]
	if ok {
		return all
	}
	all = u.newSet()
	for i := range u.members.all() {
		u.spend(1)
		if a := &u.atoms[i]; a.name == s.name || a.class == aUser && strings.HasSuffix(a.name, s.name[len("user:*"):]) {
			all.add(i)
		}
	}
	u.domains[s.name] = all
	return all
}

// inOrder puts names as people look for them: * first, then by kind and name.
func (u *universe) inOrder(a, b string) int {
	return cmp.Or(int(u.parse(a).class)-int(u.parse(b).class), strings.Compare(a, b))
}
