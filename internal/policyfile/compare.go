package policyfile

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
)

// A comparison knows which atoms two policies treat alike.
type comparison struct {
	u        *universe
	who, to  *naming
	from     *kins
	into     *kins
	row      row
	openings map[string]*opening // by the parts that it comes from
}

func newComparison(u *universe, a, b *policy, parts []*part) *comparison {
	for i, p := range parts {
		p.number = int32(i)
	}
	names := namesOf(u, a, b)
	c := &comparison{
		u: u, who: newNaming(u, names, u.sources), to: newNaming(u, names, u.destinations),
		from: u.sourceKins(parts), into: u.destinationKins(parts), openings: map[string]*opening{},
	}
	c.row = newRow(c)
	return c
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
	who, to []int32 // kins
	own     own
	ports   reach
	at      Position
}

// lines are what the first allows and the second does not. less are the parts of
// the other policy that are near.
func (c *comparison) lines(more, less []*part, other *access) (all []Line) {
	bundles := map[string]*bundle{}
	for from, parts := range c.byKin(more, less) {
		if len(parts.more) == 0 || c.u.err != nil {
			continue
		}
		for ports, b := range c.row.differences(int32(from), parts) {
			key := b.key(ports)
			c.u.spend(perWord + len(key))
			first := bundles[key]
			if first == nil {
				bundles[key] = b
				continue
			}
			first.who = append(first.who, b.who...)
			if b.at.compare(&first.at) < 0 {
				first.at = b.at
			}
		}
	}
	d := newDoubts(c, other)
	for _, b := range bundles {
		if !c.u.spend(perLine) {
			return nil
		}
		l := c.line(b)
		l.Uncertain = d.of(b)
		all = append(all, l)
	}
	sort.Slice(all, func(i, j int) bool { return c.u.compareLines(&all[i], &all[j]) < 0 })
	return all
}

func (b *bundle) key(ports string) string {
	key := append([]byte{byte(b.own)}, binary.AppendUvarint(nil, uint64(len(ports)))...)
	return string(appendNumbers(append(key, ports...), b.to))
}

func appendNumbers(key []byte, numbers []int32) []byte {
	for _, n := range numbers {
		key = binary.LittleEndian.AppendUint32(key, uint32(n))
	}
	return key
}

// sides are the parts that have one kin among their sources, on both sides.
type sides struct{ more, less []*part }

// byKin are the parts of each kin of sources.
func (c *comparison) byKin(more, less []*part) []sides {
	all := make([]sides, len(c.from.one))
	for _, p := range more {
		for _, from := range c.from.list(p.src) {
			c.u.spend(perWord)
			all[from].more = append(all[from].more, p)
		}
		if c.u.err != nil {
			return nil
		}
	}
	for _, p := range less {
		for _, from := range c.from.list(p.src) {
			if len(all[from].more) > 0 {
				c.u.spend(perWord)
				all[from].less = append(all[from].less, p)
			}
		}
		if c.u.err != nil {
			return nil
		}
	}
	return all
}

// An opening is what some parts let through and others do not.
type opening struct {
	ports reach
	key   string // of ports
	at    Position
}

// opening is what the first parts let through and the second do not.
func (c *comparison) opening(more, less []*part) *opening {
	key := make([]byte, 0, 4*(len(more)+len(less))+4)
	for _, p := range more {
		key = appendNumbers(key, []int32{p.number})
	}
	key = appendNumbers(key, []int32{-1})
	for _, p := range less {
		key = appendNumbers(key, []int32{p.number})
	}
	c.u.spend(perWord + len(key)/2)
	o := c.openings[string(key)]
	if o == nil {
		o = &opening{ports: c.through(more).without(c.through(less)).news()}
		o.key = o.ports.key()
		for _, p := range more {
			if p.ports.touches(o.ports) {
				o.at = p.at
				break
			}
		}
		c.openings[string(key)] = o
	}
	return o
}

// through is what parts let through.
func (c *comparison) through(parts []*part) reach {
	var spans []span
	for _, p := range parts {
		spans = append(spans, p.ports...)
	}
	c.u.spend(perWord * 4 * len(spans))
	return reachOf(spans...)
}

// perLine is what a line costs, in steps: to make, to sort and to print.
const perLine = 3000

func (c *comparison) line(b *bundle) Line {
	c.u.spend(perWord * len(b.ports))
	l := Line{Ports: b.ports.words(), At: b.at}
	l.Who, l.WhoExcept = c.who.cover(c.from.set(b.who))
	l.To, l.ToExcept = c.to.cover(c.into.set(b.to))
	switch b.own {
	case ownNot:
		l.ToExcept = append(slices.Clip(l.ToExcept), "autogroup:self")
	case ownToo:
		l.To = append(slices.Clip(l.To), "autogroup:self")
	}
	return l
}

func (u *universe) compareLines(l, m *Line) int {
	return cmp.Or(u.compareNames(l.Who, m.Who), u.compareNames(l.To, m.To), u.compareNames(l.Ports, m.Ports),
		u.compareNames(l.WhoExcept, m.WhoExcept), u.compareNames(l.ToExcept, m.ToExcept))
}

func (u *universe) compareNames(a, b []string) int {
	if len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] {
		return 0
	}
	for i := range min(len(a), len(b)) {
		if !u.spend(perWord) {
			return 0
		}
		if c := u.inOrder(a[i], b[i]); c != 0 {
			return c
		}
	}
	return len(a) - len(b)
}
