package policyfile

import "slices"

// doubts finds the lines that may be wrong, because the files do not say enough.
//
// They do not say which node has an address of the tailnet, or which user has a
// role or is in a group of the identity provider. So a line that says "loses" may
// be wrong if a rule of the new policy names one of these; so may a line that
// says "gains" because of a rule of the old policy. A rule with a condition
// (srcPosture, via) has the same effect.
type doubts struct {
	c                                *comparison
	other                            *access
	nodes, persons, addresses, roles set
	vague                            set // addresses and roles
	vagueParts                       []*part
	looks                            int
}

// mostLooks bounds how often a line is compared with a part. All lines after that
// are in doubt.
const mostLooks = 1 << 15

var tailnetBlocks = []string{"100.64.0.0/10", "fd7a:115c:a1e0::/48"}

func newDoubts(c *comparison, other *access) *doubts {
	u := c.u
	d := &doubts{c: c, other: other, nodes: u.newSet(), persons: u.newSet(), addresses: u.newSet(), roles: u.newSet()}
	for i := range u.atoms {
		a := &u.atoms[i]
		switch {
		case isPerson(a):
			d.persons.add(i)
			d.nodes.add(i)
			if a.class == aRole || a.class == aGroup {
				d.roles.add(i)
			}
		case a.class == aTag || a.class == aTagged || a.class == aGuest || a.class == aService:
			d.nodes.add(i)
		case a.class == anAddress && a.block.inTailnet():
			d.addresses.add(i)
		}
	}
	d.vague = union(u.newSet(), d.addresses)
	d.vague.addAll(d.roles)
	if d.vague.len() == 0 {
		return d
	}
	for _, p := range other.parts {
		if p.src.meets(d.vague) || p.dst.meets(d.vague) {
			d.vagueParts = append(d.vagueParts, p)
		}
	}
	u.spend(len(other.parts) * len(d.vague))
	return d
}

// inTailnet reports whether a block has addresses that nodes may have.
func (b block) inTailnet() bool {
	for _, text := range tailnetBlocks {
		if t, _ := parseBlock(text); b.from <= t.to && t.from <= b.to {
			return true
		}
	}
	return false
}

// maybe returns the other atoms that may be the same nodes as some of these.
func (d *doubts) maybe(atoms set) set {
	all := d.c.u.newSet()
	for _, pair := range [][2]set{{d.nodes, d.addresses}, {d.addresses, d.nodes}, {d.persons, d.roles}, {d.roles, d.persons}} {
		if atoms.meets(pair[0]) {
			all.addAll(pair[1])
		}
	}
	all.remove(atoms)
	return all
}

// of returns the reasons to doubt a line.
func (d *doubts) of(b *bundle) (reasons []string) {
	if d.vague.len()+len(d.other.conditional) == 0 {
		return nil
	}
	l := d.lineOf(b)
	parts := d.vagueParts
	if l.isVague {
		parts = d.other.parts
	}
	foundWho, foundTo := d.c.u.newSet(), d.c.u.newSet()
	for _, p := range append(slices.Clip(parts), d.other.conditional...) {
		if d.c.u.spend(1); !p.ports.touches(l.ports) {
			continue
		}
		if d.looks++; d.looks > mostLooks {
			return []string{"it was not compared with every rule"}
		}
		dst := d.destinations(p)
		switch d.c.u.spend(3 * len(l.who)); {
		case !l.isMet(p, dst):
		case p.condition != "":
			reasons = appendNew(reasons, []string{"depends on a rule with " + p.condition})
		default:
			foundWho.addAll(p.src.common(l.maybeWho))
			foundTo.addAll(dst.common(l.maybeTo))
		}
	}
	who, _ := d.c.who.cover(foundWho)
	to, _ := d.c.to.cover(foundTo)
	if names := appendNew(who, to); len(names) > 0 {
		reasons = append([]string{listed(names) + " may be the same"}, reasons...)
	}
	return reasons
}

// A doubtedLine has the sets of a line, and what may be the same nodes.
type doubtedLine struct {
	who, to, maybeWho, maybeTo set
	ports                      reach
	isVague                    bool
}

func (d *doubts) lineOf(b *bundle) *doubtedLine {
	l := &doubtedLine{who: d.c.from.set(b.who), to: d.c.into.set(b.to), ports: b.ports}
	if b.own == ownToo {
		l.to.addAll(l.who.common(d.persons))
	}
	l.isVague = l.who.meets(d.vague) || l.to.meets(d.vague)
	l.maybeWho, l.maybeTo = d.maybe(l.who), d.maybe(l.to)
	return l
}

// isMet reports whether a part, which leads to dst, may let through some of what
// the line is about.
func (l *doubtedLine) isMet(p *part, dst set) bool {
	return (p.src.meets(l.who) || p.src.meets(l.maybeWho)) && (dst.meets(l.to) || dst.meets(l.maybeTo))
}

// destinations returns the destinations of a part, including each person's own
// nodes.
func (d *doubts) destinations(p *part) set {
	if !p.self {
		return p.dst.set
	}
	all := union(d.c.u.newSet(), p.dst.set)
	all.addAll(d.persons)
	return all
}

// appendNew adds texts that are not there yet.
func appendNew(all, more []string) []string {
	all = slices.Clip(all)
	for _, s := range more {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	return all
}
