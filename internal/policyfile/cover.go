package policyfile

import (
	"cmp"
	"slices"
	"sort"
)

// A named is atoms, and a name for them.
type named struct {
	name  string
	atoms []int32
}

// namesOf are the names that mean the same in both policies, or that only one
// of them has; those of most atoms first.
func namesOf(u *universe, a, b *policy) (all []named) {
	known := map[string][]int32{}
	for _, p := range []*policy{a, b} {
		for _, text := range append(p.names(), rests...) {
			name := u.parse(text).name
			means := p.means(u, text)
			if before, ok := known[name]; ok && !slices.Equal(before, means) {
				means = nil
			}
			if known[name] = means; u.err != nil {
				return nil
			}
		}
	}
	for name, atoms := range known {
		if n := len(atoms); n > 1 || n == 1 && u.parse(name).class != aGroup {
			all = append(all, named{name, atoms})
		}
	}
	sort.Slice(all, func(i, j int) bool {
		return cmp.Or(len(all[j].atoms)-len(all[i].atoms), u.inOrder(all[i].name, all[j].name)) < 0
	})
	return all
}

// means are the atoms of a selector; nil if it means more than atoms, or nothing
// that is known.
func (p *policy) means(u *universe, text string) []int32 {
	_, isGroup := p.Groups[text]
	_, isSet := p.IPSets[text]
	if i, ok := u.single[text]; ok && !isGroup && !isSet {
		return []int32{int32(i)}
	}
	one := p.sel(u, text, 0)
	if one.self || one.internet || one.unknown != nil {
		return nil
	}
	list := one.atoms.list()
	u.spend(len(one.atoms) + perWord*len(list))
	return list
}

// A naming finds names for atoms of a domain.
type naming struct {
	u      *universe
	domain set
	names  []named // their atoms of the domain only
	of     [][]int32
	rests  []int // atoms that are the rest of something
	known  map[string]*covering
	count  []int32 // of each name, while within counts
}

// A covering is the names for some atoms, and what the names say too much.
type covering struct{ say, except []string }

func newNaming(u *universe, names []named, domain set) *naming {
	n := &naming{u: u, domain: domain, of: make([][]int32, len(u.atoms)), known: map[string]*covering{}}
	for _, one := range names {
		var atoms []int32
		for _, i := range one.atoms {
			if domain.has(int(i)) {
				atoms = append(atoms, i)
				n.of[i] = append(n.of[i], int32(len(n.names)))
			}
		}
		if !u.spend(perWord * (1 + len(one.atoms))) {
			break
		}
		n.names = append(n.names, named{one.name, atoms})
	}
	n.count = make([]int32, len(n.names))
	for i := range u.atoms {
		if a := &u.atoms[i]; a.class <= aMember || a.class == aTagged || a.class == aDomain {
			n.rests = append(n.rests, i)
		}
	}
	return n
}

// cover says atoms of the domain by names, and what the names say too much. Who
// is named by a narrower name than an exception is not excepted: * and ann,
// except autogroup:member.
func (n *naming) cover(atoms set) (say, except []string) {
	key := atoms.key()
	n.u.spend(perWord * len(atoms))
	c := n.known[key]
	if c == nil {
		c = &covering{}
		c.say, c.except = n.newCover(atoms)
		n.known[key] = c
	}
	return c.say, c.except
}

func (n *naming) newCover(atoms set) (say, except []string) {
	u := n.u
	left, tooMuch := slices.Clone(atoms), u.newSet()
	for _, i := range n.rests { // the rest of something needs its name
		if left.has(i) {
			means := u.of(u.atoms[i]).common(n.domain)
			say = append(say, u.atoms[i].name)
			left.remove(means)
			tooMuch.addAll(means)
			u.spend(3 * len(left))
		}
	}
	u.spend(len(n.rests))
	for _, one := range n.within(atoms) {
		if left.removeAny(one.atoms) {
			say = append(say, one.name)
		}
	}
	for i := range left.all() {
		if left.has(i) {
			say = append(say, u.run(i, left))
		}
	}
	if tooMuch.remove(atoms); tooMuch.len() > 0 && u.spend(len(atoms)) {
		names, back := n.cover(tooMuch)
		except, say = names, append(say, back...)
	}
	u.spend(perWord * 4 * len(say))
	sort.Slice(say, func(i, j int) bool { return u.inOrder(say[i], say[j]) < 0 })
	return slices.Compact(say), except
}

// removeAny removes atoms and reports whether any of them was in the set.
func (s set) removeAny(atoms []int32) (any bool) {
	for _, i := range atoms {
		any = any || s.has(int(i))
		s[i/64] &^= 1 << (i % 64)
	}
	return any
}

// within are the names for atoms of a set and no others, in their order.
func (n *naming) within(atoms set) (all []named) {
	var found, touched []int32
	most := atoms.len()
	for i := range atoms.all() {
		for _, name := range n.of[i] {
			if len(n.names[name].atoms) > most {
				continue
			}
			if n.count[name] == 0 {
				touched = append(touched, name)
			}
			if n.count[name]++; int(n.count[name]) == len(n.names[name].atoms) {
				found = append(found, name)
			}
		}
		n.u.spend(2 + 3*len(n.of[i]))
	}
	for _, name := range touched {
		n.count[name] = 0
	}
	slices.Sort(found)
	for _, name := range found {
		n.u.spend(len(n.names[name].atoms))
		all = append(all, n.names[name])
	}
	return all
}

// run takes an atom out of a set, with those after it that are addresses next to
// its own, and names them.
func (u *universe) run(i int, left set) string {
	all := u.atoms[i].block
	left.removeAny([]int32{int32(i)})
	for j := i + 1; j < len(u.atoms) && left.has(j) && all.to != "" && all.to.step(1) == u.atoms[j].block.from; j++ {
		left.removeAny([]int32{int32(j)})
		all.to = u.atoms[j].block.to
	}
	if all.to != "" {
		return all.String()
	}
	return u.atoms[i].name
}
