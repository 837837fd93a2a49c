package policyfile

import "slices"

// A row compares what one kin of sources may reach, destination by destination.
// It is used for one kin after the other.
type row struct {
	*comparison
	from   int32 // an atom
	person bool

	ends    []int32 // kins of destinations that are looked at; last, if at all, self
	isEnd   []bool
	alike   partition
	classes []endClass
	split   map[split]bool // what the classes were split by
}

// An endClass is ends that the same parts lead to.
type endClass struct {
	end        int32 // one of them
	more, less []*part
	*opening
}

type split struct {
	dst  int
	self bool
}

func newRow(c *comparison) row {
	n := len(c.into.one) + 1
	return row{comparison: c, isEnd: make([]bool, n), alike: partition{class: make([]int32, n)}}
}

// self is the end that is the nodes of the same person.
func (r *row) self() int32 { return int32(len(r.into.one)) }

// differences are the differences of one kin, a bundle for each set of ports.
func (r *row) differences(kin int32, parts sides) map[string]*bundle {
	r.from = r.comparison.from.one[kin]
	r.person = isPerson(&r.u.atoms[r.from])
	r.look(parts.more)
	r.divide(parts)
	r.compare(parts)
	byPorts := r.bundles(kin)
	for _, end := range r.ends {
		r.isEnd[end] = false
	}
	return byPorts
}

// look finds the ends that some parts lead to.
func (r *row) look(more []*part) {
	r.ends = r.ends[:0]
	for _, p := range more {
		for _, end := range r.leads(p) {
			if !r.isEnd[end] {
				r.isEnd[end] = true
				r.ends = append(r.ends, end)
			}
		}
	}
	slices.Sort(r.ends)
	r.u.spend(len(r.ends) * 8)
}

// leads are the ends that a part leads to.
func (r *row) leads(p *part) []int32 {
	all := r.into.list(p.dst)
	r.u.spend(len(all) + 1)
	if r.leadsTo(p, r.self()) {
		all = append(slices.Clip(all), r.self())
		r.u.spend(len(all))
	}
	return all
}

func (r *row) leadsTo(p *part, end int32) bool {
	if end < r.self() {
		return p.dst.has(int(r.into.one[end]))
	}
	return r.person && (p.self || p.dst.has(int(r.from)))
}

// divide finds the ends that are alike.
func (r *row) divide(parts sides) {
	r.alike.reset(r.ends)
	r.split = map[split]bool{}
	var members []int32
	for _, p := range slices.Concat(parts.more, parts.less) {
		by := split{p.dst.number, p.self}
		if r.split[by] {
			continue
		}
		r.split[by] = true
		members = members[:0]
		for _, end := range r.leads(p) {
			if r.isEnd[end] {
				members = append(members, end)
			}
		}
		if !r.u.spend(3 * len(members)) {
			return
		}
		r.alike.split(members)
	}
}

// compare finds what differs for each class of ends.
func (r *row) compare(parts sides) {
	r.classes = make([]endClass, len(r.alike.size))
	var ends []int32
	seen := make([]bool, len(r.classes))
	for _, end := range r.ends {
		if c := r.alike.class[end]; !seen[c] {
			seen[c] = true
			r.classes[c].end = end
			ends = append(ends, end)
		}
	}
	r.u.spend(perWord * 8 * len(ends))
	for _, p := range parts.more {
		for _, c := range r.classesOf(p, ends) {
			r.classes[c].more = append(r.classes[c].more, p)
		}
	}
	for _, p := range parts.less {
		for _, c := range r.classesOf(p, ends) {
			r.classes[c].less = append(r.classes[c].less, p)
		}
	}
	for i := range r.classes {
		if r.u.err != nil {
			return
		}
		r.classes[i].opening = r.opening(r.classes[i].more, r.classes[i].less)
	}
}

// classesOf are the classes that a part leads to. ends are one of each.
func (r *row) classesOf(p *part, ends []int32) (all []int32) {
	if list := r.into.list(p.dst); len(list) < len(ends) {
		ends = r.leads(p)
	}
	for _, end := range ends {
		c := r.alike.class[end]
		if r.isEnd[end] && r.classes[c].end == end && r.leadsTo(p, end) {
			all = append(all, c)
		}
	}
	r.u.spend(len(ends) + perWord*len(all))
	return all
}

// bundles are the ends with the same opening.
func (r *row) bundles(kin int32) map[string]*bundle {
	byPorts := map[string]*bundle{}
	for _, end := range r.ends {
		if !r.u.spend(4) {
			return nil
		}
		o := r.classes[r.alike.class[end]].opening
		if len(o.ports) == 0 {
			continue
		}
		b := byPorts[o.key]
		if b == nil {
			b = &bundle{who: []int32{kin}, own: ownAsOthers, ports: o.ports, at: o.at}
			byPorts[o.key] = b
		}
		if o.at.compare(&b.at) < 0 {
			b.at = o.at
		}
		if end == r.self() {
			b.own = ownToo
		} else {
			b.to = append(b.to, end)
		}
	}
	if r.person {
		r.tellOwn(byPorts)
	}
	return byPorts
}

// tellOwn finds where the nodes of the same person are not like all others.
func (r *row) tellOwn(byPorts map[string]*bundle) {
	among := r.into.of[r.from]
	for key, b := range byPorts {
		_, isAmong := slices.BinarySearch(b.to, among)
		switch {
		case !isAmong:
		case b.own == ownToo:
			b.own = ownAsOthers
		case len(b.to) == 1 && len(r.into.all[among]) == 1 && r.u.atoms[r.from].class == aUser:
			delete(byPorts, key) // one person's nodes are all their own
		default:
			b.own = ownNot
		}
	}
}
