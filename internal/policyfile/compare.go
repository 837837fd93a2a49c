package policyfile

import (
	"cmp"
	"slices"
	"sort"
)

// A comparison knows which atoms two policies treat alike.
type comparison struct {
	u        *universe
	names    names
	from, to []kin
}

// A kin is atoms that are in the same rules, so that one speaks for all.
type kin struct {
	one   int
	atoms set
}

func newComparison(u *universe, a, b *policy, was, is []part) *comparison {
	parts := slices.Concat(was, is)
	return &comparison{
		u: u, names: namesOf(u, a, b),
		// What a person's own nodes are depends on both sides.
		from: u.kin(atom.canBeSource, func(i int, p part) (bool, bool) { return p.src.has(i), u.atoms[i].isPerson() && p.dst.has(i) }, parts),
		to:   u.kin(atom.canBeDestination, func(i int, p part) (bool, bool) { return p.dst.has(i), false }, parts),
	}
}

func (u *universe) kin(can func(atom) bool, in func(i int, p part) (bool, bool), parts []part) (all []kin) {
	byRules := map[string]int{}
	for i, a := range u.atoms {
		if !can(a) {
			continue
		}
		rules := newSet(2*len(parts) + 1)
		if a.isPerson() {
			rules.add(2 * len(parts))
		}
		for j, p := range parts {
			first, second := in(i, p)
			if first {
				rules.add(2 * j)
			}
			if second {
				rules.add(2*j + 1)
			}
		}
		key := rules.key()
		if _, ok := byRules[key]; !ok {
			byRules[key] = len(all)
			all = append(all, kin{i, newSet(len(u.atoms))})
		}
		all[byRules[key]].atoms.add(i)
	}
	return all
}

// own says how the nodes of the same person are among the destinations.
type own int

const (
	ownAsOthers own = iota // like those of others, or not at all
	ownNot
	ownToo
)

// A bundle is what will be a line.
type bundle struct {
	who, to set
	own     own
	ports   reach
	at      Position
}

// lines are what the first allows and the second does not.
func (c *comparison) lines(more, less []part) (all []Line) {
	bundles := map[string]*bundle{}
	for _, from := range c.from {
		for _, b := range c.differences(from, more, less) {
			key := string(rune(b.own)) + b.ports.key() + "/" + b.to.key()
			if first, ok := bundles[key]; ok {
				first.who.addAll(b.who)
				if b.at.compare(first.at) < 0 {
					first.at = b.at
				}
			} else {
				bundles[key] = b
			}
		}
	}
	for _, b := range bundles {
		all = append(all, c.line(b))
	}
	sort.Slice(all, func(i, j int) bool { return all[i].compare(&all[j]) < 0 })
	return all
}

// differences are those of one kin, a bundle for each set of ports.
func (c *comparison) differences(from kin, more, less []part) (all []*bundle) {
	hasSource := func(p part) bool { return !p.src.has(from.one) }
	more = slices.DeleteFunc(slices.Clone(more), hasSource)
	less = slices.DeleteFunc(slices.Clone(less), hasSource)
	if len(more) == 0 {
		return nil
	}
	byPorts := map[string]*bundle{}
	note := func(in func(part) bool) *bundle {
		ports := open(more, in).without(open(less, in)).news()
		if len(ports) == 0 {
			return nil
		}
		b, ok := byPorts[ports.key()]
		if !ok {
			b = &bundle{who: slices.Clone(from.atoms), to: newSet(len(c.u.atoms)), ports: ports, at: first(more, in, ports)}
			byPorts[ports.key()] = b
			all = append(all, b)
		}
		return b
	}
	for _, to := range c.to {
		if b := note(func(p part) bool { return p.dst.has(to.one) }); b != nil {
			b.to.addAll(to.atoms)
		}
	}
	if c.u.atoms[from.one].isPerson() {
		if b := note(func(p part) bool { return p.self || p.dst.has(from.one) }); b != nil {
			b.own = ownToo
		}
		all = slices.DeleteFunc(all, func(b *bundle) bool { return c.settleOwn(b, from) })
	}
	return all
}

// settleOwn says of a bundle of a person what has to be said of their own
// nodes. It reports whether nothing is left.
func (c *comparison) settleOwn(b *bundle, from kin) (nothing bool) {
	if !b.to.has(from.one) {
		return false
	}
	if b.own == ownToo {
		b.own = ownAsOthers
		return false
	}
	b.own = ownNot
	// One person's nodes are all their own.
	return b.to.len() == 1 && c.u.atoms[from.one].class == aUser
}

// open is what those parts let through that are about a destination.
func open(parts []part, in func(part) bool) (r reach) {
	for _, p := range parts {
		if in(p) {
			r = r.and(p.ports)
		}
	}
	return r
}

// first is where the first of these parts stands that lets some of it through.
func first(parts []part, in func(part) bool, ports reach) Position {
	for _, p := range parts {
		if in(p) && p.ports.touches(ports) {
			return p.at
		}
	}
	return Position{}
}

func (c *comparison) line(b *bundle) Line {
	l := Line{Ports: b.ports.words(), At: b.at}
	l.Who, l.WhoExcept = c.names.cover(c.u, b.who, c.u.where(atom.canBeSource))
	l.To, l.ToExcept = c.names.cover(c.u, b.to, c.u.where(atom.canBeDestination))
	switch b.own {
	case ownNot:
		l.ToExcept = append(l.ToExcept, "autogroup:self")
	case ownToo:
		l.To = append(l.To, "autogroup:self")
	}
	return l
}

func (l *Line) compare(m *Line) int {
	return cmp.Or(compareNames(l.Who, m.Who), compareNames(l.To, m.To), compareNames(l.Ports, m.Ports),
		compareNames(l.WhoExcept, m.WhoExcept), compareNames(l.ToExcept, m.ToExcept))
}

func compareNames(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if c := inOrder(a[i], b[i]); c != 0 {
			return c
		}
	}
	return len(a) - len(b)
}
