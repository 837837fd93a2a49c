package policyfile

import (
	"cmp"
	"sort"
)

// A comparison knows which atoms two policies treat alike.
type comparison struct {
	u        *universe
	names    []named
	from, to []kin
}

// A kin is atoms that are in the same rules, so that one speaks for all.
type kin struct {
	one   int
	atoms set
}

func newComparison(u *universe, a, b *policy, parts []*part) *comparison {
	return &comparison{u: u, names: namesOf(u, a, b), from: u.kin(u.sources, parts, true), to: u.kin(u.destinations, parts, false)}
}

// kin sorts the atoms of a domain. What a person's own nodes are depends on both
// ends of a rule.
func (u *universe) kin(domain set, parts []*part, sources bool) (all []kin) {
	byRules := map[string]int{}
	for i := range u.atoms {
		if domain[i] == 0 {
			continue
		}
		var rules []byte
		for _, p := range parts {
			in := p.dst[i]
			if sources && isPerson(&u.atoms[i]) {
				in += 2*p.src[i] + 4
			} else if sources {
				in = p.src[i]
			}
			rules = append(rules, in)
		}
		at, ok := byRules[string(rules)]
		if !ok {
			at = len(all)
			byRules[string(rules)] = at
			all = append(all, kin{i, make(set, len(u.atoms))})
		}
		all[at].atoms[i] = 1
	}
	return all
}

// own says how the nodes of the same person are among the destinations.
type own byte

const (
	ownAsOthers own = '=' // like those of others, or not at all
	ownNot      own = '-'
	ownToo      own = '+'
)

// A bundle is what will be a line.
type bundle struct {
	who, to set
	own     own
	ports   reach
	at      Position
}

// lines are what the first allows and the second does not.
func (c *comparison) lines(more, less []*part) (all []Line) {
	bundles := map[string]*bundle{}
	for i := range c.from {
		for _, b := range c.differences(&c.from[i], more, less) {
			key := string(b.own) + b.ports.key() + string(b.to)
			first := bundles[key]
			if first == nil {
				bundles[key] = b
				continue
			}
			first.who.addAll(b.who)
			if b.at.compare(&first.at) < 0 {
				first.at = b.at
			}
		}
	}
	for _, b := range bundles {
		all = append(all, c.line(b))
	}
	sort.Slice(all, func(i, j int) bool { return compareLines(&all[i], &all[j]) < 0 })
	return all
}

// differences are those of one kin, a bundle for each set of ports.
func (c *comparison) differences(from *kin, more, less []*part) map[string]*bundle {
	byPorts := map[string]*bundle{}
	for i := range c.to {
		if b := c.difference(byPorts, from, c.to[i].one, false, more, less); b != nil {
			b.to.addAll(c.to[i].atoms)
		}
	}
	if !isPerson(&c.u.atoms[from.one]) {
		return byPorts
	}
	if b := c.difference(byPorts, from, from.one, true, more, less); b != nil {
		b.own = ownToo
	}
	for key, b := range byPorts {
		switch {
		case b.to[from.one] == 0:
		case b.own == ownToo:
			b.own = ownAsOthers
		case b.to.len() == 1 && c.u.atoms[from.one].class == aUser:
			delete(byPorts, key) // one person's nodes are all their own
		default:
			b.own = ownNot
		}
	}
	return byPorts
}

// difference is the bundle for the ports by which one destination differs, or
// nil if it does not.
func (c *comparison) difference(byPorts map[string]*bundle, from *kin, to int, self bool, more, less []*part) *bundle {
	ports := through(more, from.one, to, self).without(through(less, from.one, to, self)).news()
	if len(ports) == 0 {
		return nil
	}
	b := byPorts[ports.key()]
	if b == nil {
		b = &bundle{from.atoms.common(from.atoms), make(set, len(c.u.atoms)), ownAsOthers, ports, first(more, from.one, to, self, ports)}
		byPorts[ports.key()] = b
	}
	return b
}

// through is what parts let through.
func through(parts []*part, from, to int, self bool) (r reach) {
	for _, p := range parts {
		if p.leads(from, to, self) {
			r = r.and(p.ports)
		}
	}
	return r
}

func (p *part) leads(from, to int, self bool) bool {
	return p.src[from] == 1 && (p.dst[to] == 1 || self && p.self)
}

// first is where the first of the parts stands that let some ports through.
func first(parts []*part, from, to int, self bool, ports reach) Position {
	for _, p := range parts {
		if p.leads(from, to, self) && p.ports.touches(ports) {
			return p.at
		}
	}
	return Position{}
}

func (c *comparison) line(b *bundle) Line {
	l := Line{Ports: b.ports.words(), At: b.at}
	l.Who, l.WhoExcept = c.cover(b.who, c.u.sources)
	l.To, l.ToExcept = c.cover(b.to, c.u.destinations)
	switch b.own {
	case ownNot:
		l.ToExcept = append(l.ToExcept, "autogroup:self")
	case ownToo:
		l.To = append(l.To, "autogroup:self")
	}
	return l
}

func compareLines(l, m *Line) int {
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
