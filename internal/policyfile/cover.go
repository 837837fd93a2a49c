package policyfile

import (
	"cmp"
	"slices"
	"sort"
	"strings"
)

// names are those by which atoms can be said, largest first.
type names []named

type named struct {
	name  string
	atoms set
}

// namesOf are the names that mean the same in both policies, or that only one
// of them has.
func namesOf(u *universe, policies ...*policy) (all names) {
	known := map[string]set{}
	var differ []string
	for _, p := range policies {
		for _, text := range append(p.names(), "*", "autogroup:member", "autogroup:tagged", "autogroup:danger-all") {
			s := parseSelector(text)
			means := p.sel(u, text)
			if means.self || means.internet || len(means.unknown) > 0 || means.atoms.empty() {
				continue
			}
			name := strings.TrimPrefix(s.name, "host:")
			if before, ok := known[name]; ok && before.key() != means.atoms.key() {
				differ = append(differ, name)
			}
			known[name] = means.atoms
		}
	}
	for name, atoms := range known {
		if !slices.Contains(differ, name) {
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
func (all names) cover(u *universe, atoms, domain set) (say, except []string) {
	left := slices.Clone(atoms)
	tooMuch := newSet(len(u.atoms))
	for _, name := range u.rests() {
		if i, ok := u.index[name]; ok && left.has(i) {
			means := u.of(parseSelector(name.name)).common(domain)
			say = append(say, name.name)
			left = left.without(means)
			tooMuch.addAll(means.without(atoms))
		}
	}
	for _, n := range all {
		means := n.atoms.common(domain)
		if !means.empty() && means.within(atoms) && !means.common(left).empty() && (means.len() > 1 || u.isAddress(means)) {
			say = append(say, n.name)
			left = left.without(means)
		}
	}
	for i := range left.all() {
		if a := u.atoms[i]; a.class != anAddress {
			say = append(say, a.name)
		}
	}
	say = append(say, u.blocks(left)...)
	if !tooMuch.empty() {
		names, back := all.cover(u, tooMuch, domain)
		except, say = names, append(say, back...)
	}
	sort.Slice(say, func(i, j int) bool { return inOrder(say[i], say[j]) < 0 })
	sort.Slice(except, func(i, j int) bool { return inOrder(except[i], except[j]) < 0 })
	return slices.Compact(say), except
}

// isAddress holds for one range of addresses.
func (u *universe) isAddress(s set) bool {
	for i := range s.all() {
		return u.atoms[i].class == anAddress
	}
	return false
}

// blocks says ranges of addresses; those that touch are one.
func (u *universe) blocks(s set) (all []string) {
	var last *block
	for i := range s.all() {
		b := u.atoms[i].block
		if u.atoms[i].class != anAddress {
			continue
		}
		if last != nil && last.to.Next() == b.from {
			last.to = b.to
			continue
		}
		if last != nil {
			all = append(all, last.String())
		}
		last = &b
	}
	if last != nil {
		all = append(all, last.String())
	}
	return all
}
