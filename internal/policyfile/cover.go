package policyfile

import (
	"cmp"
	"slices"
	"sort"
)

// A named is atoms, and a name for them.
type named struct {
	name  string
	atoms set
}

// namesOf are the names that mean the same in both policies, or that only one
// of them has; those of most atoms first.
func namesOf(u *universe, a, b *policy) (all []named) {
	known := map[string]set{}
	for _, p := range []*policy{a, b} {
		for _, text := range append(p.names(), rests...) {
			name := parseSelector(text).name
			means := p.sel(u, text)
			if before, ok := known[name]; means.self || means.internet || means.unknown != "" || ok && before.key() != means.atoms.key() {
				means.atoms = nil
			}
			known[name] = means.atoms
		}
	}
	for name, atoms := range known {
		if n := atoms.len(); n > 1 || n == 1 && parseSelector(name).class != aGroup {
			all = append(all, named{name, atoms})
		}
	}
	sort.Slice(all, func(i, j int) bool {
		return cmp.Or(all[j].atoms.len()-all[i].atoms.len(), inOrder(all[i].name, all[j].name)) < 0
	})
	return all
}

// cover says atoms of a domain by names, and what the names say too much. Who is
// named by a narrower name than an exception is not excepted: * and ann, except
// autogroup:member.
func (c *comparison) cover(atoms, domain set) (say, except []string) {
	left := atoms.common(atoms)
	tooMuch := make(set, len(atoms))
	use := func(name string, means set) {
		say = append(say, name)
		left.remove(means)
		tooMuch.addAll(means)
	}
	for i := range c.u.atoms { // the rest of something needs its name
		a := &c.u.atoms[i]
		if left[i] == 1 && (a.class <= aMember || a.class == aTagged || a.class == aDomain) {
			use(a.name, c.u.of(*a).common(domain))
		}
	}
	for _, n := range c.names {
		if means := n.atoms.common(domain); means.within(atoms) && means.common(left).len() > 0 {
			use(n.name, means)
		}
	}
	for i := range left {
		if left[i] == 1 {
			use(c.u.run(i, left))
		}
	}
	if tooMuch.remove(atoms); tooMuch.len() > 0 {
		names, back := c.cover(tooMuch, domain)
		except, say = names, append(say, back...)
	}
	sort.Slice(say, func(i, j int) bool { return inOrder(say[i], say[j]) < 0 })
	return slices.Compact(say), except
}

// run is an atom with those after it that are addresses next to its own.
func (u *universe) run(i int, left set) (name string, run set) {
	run = make(set, len(left))
	run[i] = 1
	all := u.atoms[i].block
	for j := i + 1; j < len(left) && left[j] == 1 && all.to != "" && all.to.step(1) == u.atoms[j].block.from; j++ {
		run[j] = 1
		all.to = u.atoms[j].block.to
	}
	if all.to != "" {
		return all.String(), run
	}
	return u.atoms[i].name, run
}
