package policyfile

import (
	"cmp"
	"sort"
	"strings"
)

// Effects are what a change of a policy means for whoever uses the tailnet.
type Effects struct {
	Gains       []Line `json:"gains"`
	Loses       []Line `json:"loses"`
	NotComputed []Note `json:"not_computed"`
}

// A Line says who may reach what now, or no longer.
type Line struct {
	Who       []string `json:"who"` // as rules name them
	WhoExcept []string `json:"who_except,omitempty"`
	To        []string `json:"to"`
	ToExcept  []string `json:"to_except,omitempty"`
	Ports     []string `json:"ports"` // as grants say them: *, 443, tcp:443
	At        Position `json:"at"`    // the rule that says so; one that did, if it is lost
}

// A Note is about a change whose effect the files alone do not tell.
type Note struct {
	Reason string   `json:"reason"`
	Gone   bool     `json:"gone"` // the old policy has it
	At     Position `json:"at"`   // in the old one if it is gone
}

// Effect compares what two policies allow, by their grants and ACLs.
//
// It knows no nodes, so it tells apart what the files do: the users, groups,
// tags and addresses they name, and the rest of the members, tags and so on.
// Everybody whom a file names by a login is taken for a member of the tailnet.
// An address is only ever an address: whose it is, no file says.
func Effect(old, new *File) Effects {
	a, b := old.policy(), new.policy()
	u := newUniverse(a, b)
	was, is := a.access(u, true), b.access(u, false)
	c := newComparison(u, a, b, append(was.parts, is.parts...))
	notes := append(changed(is.notes, was.notes), changed(was.notes, is.notes)...)
	return Effects{
		Gains:       c.lines(is.parts, was.parts),
		Loses:       c.lines(was.parts, is.parts),
		NotComputed: append(notes, otherSections(old, new)...),
	}
}

// Empty says that nobody gains or loses anything, as far as can be told.
func (e Effects) Empty() bool { return len(e.Gains)+len(e.Loses)+len(e.NotComputed) == 0 }

// A part is a piece of a rule whose sources may all reach all its destinations.
type part struct {
	src, dst set
	self     bool // each person's own nodes, too
	ports    reach
	at       Position
}

// An access is what a policy allows.
type access struct {
	gone  bool
	parts []*part
	notes map[string]Note // by all that they depend on
}

func (a *access) note(r *rule, key, reason string) {
	a.notes[key+reason] = Note{Reason: r.section + ": " + reason, Gone: a.gone, At: r.at}
}

func (p *policy) access(u *universe, gone bool) *access {
	a := &access{gone: gone, notes: map[string]Note{}}
	for i := range p.all {
		if r := &p.all[i]; r.problem != "" {
			a.note(r, r.text, "a rule that cannot be read: "+r.problem)
		} else {
			p.compile(u, r, a)
		}
	}
	return a
}

// compile adds a rule: what it allows for sure, and notes of the rest.
func (p *policy) compile(u *universe, r *rule, a *access) {
	src := p.selection(u, r.src)
	from := src.atoms.common(u.sources)
	if src.unknown != "" {
		a.note(r, r.text, "a source that nothing here defines:"+src.unknown)
	}
	if src.self || src.internet {
		a.note(r, r.text, "a source that can only be a destination")
	}
	if r.app != "" {
		a.note(r, from.key()+p.selection(u, r.appTo).atoms.key()+r.app+r.posture+" "+r.via, "capabilities of applications (app)")
	}
	for _, t := range r.to {
		dst := p.selection(u, t.dst)
		to := dst.atoms.common(u.destinations)
		key := from.key() + to.key() + t.ports.key()
		if dst.self {
			key += "self"
		}
		if dst.unknown != "" {
			a.note(r, r.text, "a destination that nothing here defines:"+dst.unknown)
		}
		switch {
		case r.posture != "":
			a.note(r, key+r.posture+" "+r.via, "depends on the posture of the device (srcPosture)")
			continue
		case r.via != "":
			a.note(r, key+r.via, "depends on the way that traffic takes (via)")
			continue
		case dst.internet:
			a.note(r, key, "the way out by an exit node (autogroup:internet)")
		}
		a.parts = append(a.parts, &part{from, to, dst.self, t.ports, r.at})
	}
}

// changed are the notes of the first that the second has not.
func changed(some, others map[string]Note) (all []Note) {
	seen := map[string]bool{}
	for key, n := range some {
		if _, ok := others[key]; !ok && !seen[n.String()] {
			seen[n.String()] = true
			all = append(all, n)
		}
	}
	sort.Slice(all, func(i, j int) bool {
		return cmp.Or(all[i].At.compare(&all[j].At), strings.Compare(all[i].Reason, all[j].Reason)) < 0
	})
	return all
}

// others are the sections that give rights of another kind.
var others = [][2]string{
	{"ssh", "who may log in by Tailscale SSH"},
	{"tagOwners", "who may give tags to nodes"},
	{"autoApprovers", "whose routes and exit nodes are approved by themselves"},
	{"nodeAttrs", "attributes of nodes"},
}

func otherSections(old, new *File) (all []Note) {
	for _, o := range others {
		was, is := old.section(o[0]), new.section(o[0])
		if was == is || was != nil && is != nil && same(was, is) {
			continue
		}
		n := Note{Reason: o[0] + ": " + o[1], Gone: is == nil}
		if is != nil {
			n.At = new.position(is.StartOffset)
		} else {
			n.At = old.position(was.StartOffset)
		}
		all = append(all, n)
	}
	return all
}

func (p *Position) compare(q *Position) int {
	return cmp.Or(strings.Compare(p.File, q.File), p.Line-q.Line, p.Column-q.Column)
}
