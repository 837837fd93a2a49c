package policyfile

import (
	"cmp"
	"slices"
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
	c := newComparison(u, a, b, was.parts, is.parts)
	return Effects{
		Gains:       c.lines(is.parts, was.parts),
		Loses:       c.lines(was.parts, is.parts),
		NotComputed: append(changed(is.notes, was.notes), append(changed(was.notes, is.notes), otherSections(old, new)...)...),
	}
}

// Empty says that nobody gains or loses anything, as far as can be told.
func (e Effects) Empty() bool {
	return len(e.Gains) == 0 && len(e.Loses) == 0 && len(e.NotComputed) == 0
}

// A part is a piece of a rule whose sources may all reach all its destinations.
type part struct {
	src, dst set
	self     bool // each person's own nodes, too
	ports    reach
	at       Position
}

// An access is what a policy allows.
type access struct {
	parts []part
	notes map[string]Note // by all that they depend on
}

func (p *policy) access(u *universe, gone bool) access {
	a := access{notes: map[string]Note{}}
	for _, r := range p.rules {
		at := p.file.position(r.at)
		note := func(reason string, key ...string) {
			key = append(key, reason)
			a.notes[strings.Join(key, "\x00")] = Note{Reason: r.section + ": " + reason, Gone: gone, At: at}
		}
		p.compile(u, r, at, &a, note)
	}
	return a
}

// compile adds a rule: what it allows for sure, and notes of the rest.
func (p *policy) compile(u *universe, r rule, at Position, a *access, note func(reason string, key ...string)) {
	if r.problem != "" {
		note("a rule that cannot be read: "+r.problem, r.text)
		return
	}
	src := p.selection(u, r.src)
	src.atoms = src.atoms.common(u.where(atom.canBeSource))
	for _, name := range src.unknown {
		note("a source that nothing here defines: "+name, r.text)
	}
	if src.self || src.internet {
		note("a source that can only be a destination", r.text)
	}
	if r.app != "" {
		to := p.selection(u, r.appTo)
		note("capabilities of applications (app)", src.atoms.key(), to.atoms.key(), r.app, strings.Join(slices.Concat(r.posture, r.via), "\x00"))
	}
	for _, piece := range p.pieces(u, r.to) {
		dst := piece.dst
		for _, name := range dst.unknown {
			note("a destination that nothing here defines: "+name, r.text)
		}
		what := []string{src.atoms.key(), dst.atoms.key(), strings.Join(piece.ports.words(), " ")}
		if dst.self {
			what = append(what, "self")
		}
		switch {
		case len(r.posture) > 0:
			note("depends on the posture of the device (srcPosture)", append(what, slices.Concat(r.posture, r.via)...)...)
			continue
		case len(r.via) > 0:
			note("depends on the way that traffic takes (via)", append(what, r.via...)...)
			continue
		case dst.internet:
			note("the way out by an exit node (autogroup:internet)", src.atoms.key(), piece.ports.key(), dst.atoms.key())
		}
		a.parts = append(a.parts, part{src.atoms, dst.atoms, dst.self, piece.ports, at})
	}
}

// A piece is some destinations of a rule, with the same ports.
type piece struct {
	dst   selection
	ports reach
}

func (p *policy) pieces(u *universe, to []target) (all []piece) {
	byPorts := map[string][]word{}
	var order []target
	for _, t := range to {
		key := t.ports.key()
		if byPorts[key] == nil {
			order = append(order, t)
		}
		byPorts[key] = append(byPorts[key], t.dst)
	}
	for _, t := range order {
		dst := p.selection(u, byPorts[t.ports.key()])
		dst.atoms = dst.atoms.common(u.where(atom.canBeDestination))
		all = append(all, piece{dst, t.ports})
	}
	return all
}

// changed are the notes of the first that the second has not.
func changed(some, others map[string]Note) (all []Note) {
	for key, n := range some {
		if _, ok := others[key]; !ok && !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	sort.Slice(all, func(i, j int) bool {
		return cmp.Or(all[i].At.compare(all[j].At), strings.Compare(all[i].Reason, all[j].Reason)) < 0
	})
	return all
}

// others are the sections that give rights of another kind.
var others = []struct{ name, right string }{
	{"ssh", "who may log in by Tailscale SSH"},
	{"tagOwners", "who may give tags to nodes"},
	{"autoApprovers", "whose routes and exit nodes are approved by themselves"},
	{"nodeAttrs", "attributes of nodes"},
}

func otherSections(old, new *File) (all []Note) {
	for _, o := range others {
		was, is := old.section(o.name), new.section(o.name)
		if was == is || was != nil && is != nil && same(was, is) {
			continue
		}
		n := Note{Reason: o.name + ": " + o.right, Gone: is == nil}
		if is != nil {
			n.At = new.position(is.StartOffset)
		} else {
			n.At = old.position(was.StartOffset)
		}
		all = append(all, n)
	}
	return all
}

func (p Position) compare(q Position) int {
	return cmp.Or(strings.Compare(p.File, q.File), p.Line-q.Line, p.Column-q.Column)
}
