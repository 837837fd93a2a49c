package policyfile

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// Effects are what a change of a policy means for those who use the tailnet.
type Effects struct {
	Gains       []Line `json:"gains"`
	Loses       []Line `json:"loses"`
	NotComputed []Note `json:"not_computed"`

	// GaveUp says why gains and losses were not computed at all; "" if they were.
	// Nothing else is set then: a change may take or give anything.
	GaveUp string `json:"gave_up,omitempty"`
}

// A Line says who may reach what now, or no longer.
type Line struct {
	Who       []string `json:"who"` // as rules name them
	WhoExcept []string `json:"who_except,omitempty"`
	To        []string `json:"to"`
	ToExcept  []string `json:"to_except,omitempty"`
	Ports     []string `json:"ports"` // as grants say them: *, 443, tcp:443

	// Uncertain says why the line may be wrong. For example, a rule of the other
	// policy gives the same access to a role, and the files do not say who has it.
	Uncertain []string `json:"uncertain,omitempty"`

	At Position `json:"at"` // the rule that says so; one that did, if it is lost
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
// Which node has an address, and which user has a role, the files do not say: see
// Line.Uncertain.
//
// A comparison that would take too long is given up: see Effects.GaveUp. The
// error is the error of the context.
func Effect(ctx context.Context, old, new *File) (Effects, error) {
	b := newBudget(ctx, mostSteps)
	e := effect(b, old, new)
	switch {
	case ctx.Err() != nil:
		return Effects{}, ctx.Err()
	case b.err != nil:
		return Effects{GaveUp: b.err.Error()}, nil
	}
	return e, nil
}

func effect(budget *budget, old, new *File) Effects {
	a, b := old.policy(), new.policy()
	u := newUniverse(budget, a, b)
	was, is := a.access(u, true), b.access(u, false)
	notes := append(changed(is.notes, was.notes), changed(was.notes, is.notes)...)
	e := Effects{NotComputed: append(notes, otherSections(old, new)...)}
	lost, gained := apart(was, is), apart(is, was)
	if len(lost)+len(gained) > 0 {
		kept, before := near(lost, is.parts), near(gained, was.parts)
		c := newComparison(u, a, b, slices.Concat(lost, kept, gained, before))
		e.Gains, e.Loses = c.lines(gained, before, was), c.lines(lost, kept, is)
	}
	return e
}

// Empty says that nobody gains or loses anything, as far as can be told.
func (e Effects) Empty() bool {
	return len(e.Gains)+len(e.Loses)+len(e.NotComputed) == 0 && e.GaveUp == ""
}

// A part is a piece of a rule whose sources may all reach all its destinations.
type part struct {
	src, dst *interned
	self     bool // each person's own nodes, too
	ports    reach
	at       Position
	number   int32 // in a comparison

	condition string // the field of the rule that says when it counts; "" if it always does
}

// An interned set is the same pointer for all parts that have it.
type interned struct {
	set
	number int
}

func (p *part) key() string {
	return fmt.Sprint(p.src.number, p.dst.number, p.self, p.ports.key())
}

// An access is what a policy allows.
type access struct {
	gone  bool
	parts []*part // in the order of the rules, none twice
	keys  map[string]bool

	conditional []*part         // which count for some nodes, or on some ways
	notes       map[string]Note // by all that they depend on
}

func (a *access) add(p *part) {
	if key := p.key(); !a.keys[key] {
		a.keys[key] = true
		a.parts = append(a.parts, p)
	}
}

func (a *access) addConditional(p *part, condition string) {
	p.condition = condition
	a.conditional = append(a.conditional, p)
}

// apart are the parts of some that the others have not. What both have changes
// nothing by itself.
func apart(some, others *access) (all []*part) {
	for _, p := range some.parts {
		if !others.keys[p.key()] {
			all = append(all, p)
		}
	}
	return all
}

func (a *access) note(r *rule, key, reason string) {
	a.notes[key+reason] = Note{Reason: r.section + ": " + reason, Gone: a.gone, At: r.at}
}

func (p *policy) access(u *universe, gone bool) *access {
	a := &access{gone: gone, keys: map[string]bool{}, notes: map[string]Note{}}
	for i := range p.all {
		if u.err != nil {
			break
		}
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
	src := p.selection(u, r.src, 0)
	from := u.intern(src.atoms.common(u.sources))
	if src.unknown != nil {
		a.note(r, r.text+src.unknown.key(), "a source that nothing here defines: "+u.unknownNames(src.unknown))
	}
	if src.self || src.internet {
		a.note(r, r.text, "a source that can only be a destination")
	}
	if r.app != "" {
		to := u.intern(p.selection(u, r.appTo, 0).atoms)
		a.note(r, fmt.Sprint(from.number, to.number)+r.app+r.posture+" "+r.via, "capabilities of applications (app)")
	}
	for _, t := range r.to {
		if u.err == nil {
			p.compileTarget(u, r, &t, from, a)
		}
	}
}

func (p *policy) compileTarget(u *universe, r *rule, t *target, from *interned, a *access) {
	dst := p.selection(u, t.dst, 0)
	to := &part{src: from, dst: u.intern(dst.atoms.common(u.destinations)), self: dst.self, ports: t.ports, at: r.at}
	if dst.unknown != nil {
		a.note(r, r.text+dst.unknown.key(), "a destination that nothing here defines: "+u.unknownNames(dst.unknown))
	}
	switch {
	case r.posture != "":
		a.note(r, to.key()+r.posture+" "+r.via, "depends on the posture of the device (srcPosture)")
		a.addConditional(to, "srcPosture")
		return
	case r.via != "":
		a.note(r, to.key()+r.via, "depends on the way that traffic takes (via)")
		a.addConditional(to, "via")
		return
	case dst.internet:
		a.note(r, to.key(), "the way out by an exit node (autogroup:internet)")
	}
	a.add(to)
}

// near are the parts of others that may let through some of what parts do.
func near(parts, others []*part) (all []*part) {
	if len(parts) == 0 {
		return nil
	}
	src, dst, self := make(set, len(parts[0].src.set)), make(set, len(parts[0].src.set)), false
	for _, p := range parts {
		src.addAll(p.src.set)
		dst.addAll(p.dst.set)
		self = self || p.self
	}
	for _, p := range others {
		if p.src.meets(src) && (self || p.self || p.dst.meets(dst)) {
			all = append(all, p)
		}
	}
	return all
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
