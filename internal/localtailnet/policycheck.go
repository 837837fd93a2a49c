package localtailnet

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go4.org/netipx"
)

// A place is where a word may stand, and what it may mean there.
type place struct {
	name       string
	kinds      []string
	autogroups []string
	before     string // what a refusal says first of a name that is not defined; %q is the word
}

var (
	people = []string{kindLogin, kindGroup, kindAutogroup}

	inSrc = place{"src", append([]string{kindEverybody, kindTag, kindIPSet, kindDomain, kindAddresses, kindHost}, people...), sourceAutogroups, "src="}
	inDst = place{"dst", append([]string{kindEverybody, kindTag, kindIPSet, kindDomain, kindAddresses, kindHost, kindService}, people...), targetAutogroups, "dst=%q: "}

	asMember   = place{"group member", []string{kindLogin, kindDomain}, nil, ""}
	asOwner    = place{"tag owner", append([]string{kindTag, kindDomain}, people...), peopleAutogroups, ""}
	asApprover = place{"auto approver", append([]string{kindTag, kindDomain}, people...), append([]string{"tagged"}, peopleAutogroups...), ""}
	asElement  = place{"IP set", []string{kindAddresses, kindNamedHost, kindIPSet, kindAutogroup}, []string{"internet"}, ""}
	asTarget   = place{"target", append([]string{kindEverybody, kindTag, kindDomain, kindAddresses, kindHost, kindIPSet}, people...), append([]string{"tagged"}, peopleAutogroups...), ""}

	inTestSrc = place{"src", append([]string{kindTag, kindDomain, kindAddresses, kindHost}, people...), append([]string{"tagged"}, peopleAutogroups...), ""}
	inTestDst = place{"dst", append([]string{kindTag, kindDomain, kindAddresses, kindHost}, people...), append([]string{"tagged", "self"}, peopleAutogroups...), ""}

	inSSHSrc     = place{"src", append([]string{kindTag, kindDomain}, people...), append([]string{"tagged"}, peopleAutogroups...), "[ssh] "}
	inSSHTestDst = place{"dst", append([]string{kindTag, kindAddresses, kindHost}, people...), append([]string{"tagged", "self"}, peopleAutogroups...), ""}

	inSSHDst = place{"dst", append([]string{kindTag}, people...), append([]string{"tagged", "self"}, peopleAutogroups...), ""}
)

var (
	tagStart = regexp.MustCompile(`^tag:[a-zA-Z]`)
	tagName  = regexp.MustCompile(`^tag:[a-zA-Z][a-zA-Z0-9-]*$`)
)

// check refuses what contradicts itself, names what is not there, or stands
// where it may not.
func (f *policyFile) check(r *policyReader) {
	f.checkNames(r)
	for _, rule := range f.rules {
		f.checkRule(r, rule)
	}
	for _, rule := range f.ssh {
		f.checkSSH(r, rule)
	}
	for _, test := range f.sshTests {
		f.checkSSHTest(r, test)
	}
	for _, a := range f.approvers {
		f.checkPlaces(r, a.who, asApprover)
	}
	for _, a := range f.nodeAttrs {
		f.checkPlaces(r, a.target, asTarget)
	}
	f.checkPostures(r, f.defaultPosture)
}

// checkNames is about the sections that name something.
func (f *policyFile) checkNames(r *policyReader) {
	for _, g := range f.groups {
		if !strings.HasPrefix(g.text, "group:") {
			r.refuse("group %q must begin with \"group:\"", g.text)
		}
		f.checkEntry(r, "groups", g, asMember)
	}
	for _, t := range f.tagOwners {
		switch {
		case !tagStart.MatchString(t.text):
			r.refuse("tagOwners[%q]: tag names must start with a letter, after 'tag:'", t.text)
		case !tagName.MatchString(t.text):
			r.refuse("tagOwners[%q]: tag names have letters, digits and hyphens only", t.text)
		}
		f.checkEntry(r, "tagOwners", t, asOwner)
	}
	for _, h := range f.hosts {
		if h.target().kind != kindHost {
			r.refuse("host %q: that is no name for a host", h.text)
		}
	}
	for _, s := range f.ipsets {
		f.checkIPSet(r, s)
	}
	for _, p := range f.postures {
		if !strings.HasPrefix(p.text, "posture:") {
			r.refuse("posture %q must begin with \"posture:\"", p.text)
		}
	}
}

// checkIPSet: a set may hold others, but not itself by way of them.
func (f *policyFile) checkIPSet(r *policyReader, s entry) {
	if !strings.HasPrefix(s.text, "ipset:") {
		r.refuse("IP set %q must begin with \"ipset:\"", s.text)
	}
	for _, w := range s.of {
		element, _ := ipsetElement(w)
		if _, err := netipx.ParseIPRange(element.text); err != nil {
			f.checkPlace(r, element, asElement)
		}
	}
	if f.contains(s.text, s.text, nil) {
		r.refuse("IP set %q holds itself", s.text)
	}
}

func (f *policyFile) contains(outer, name string, seen []string) bool {
	e := find(f.ipsets, outer)
	if e == nil || slices.Contains(seen, outer) {
		return false
	}
	return slices.ContainsFunc(e.of, func(w word) bool {
		element, _ := ipsetElement(w)
		return element.text == name || f.contains(element.text, name, append(seen, outer))
	})
}

func (f *policyFile) checkRule(r *policyReader, rule rule) {
	f.checkPlaces(r, rule.src, inSrc)
	for _, d := range rule.dst {
		f.checkPlace(r, d.word, inDst)
		f.checkDestination(r, rule, d)
	}
	for _, via := range rule.via {
		if via.target().kind != kindTag {
			r.refuse("via can only be a tag")
		} else if find(f.tagOwners, via.text) == nil {
			r.refuse("tag %q not found", via.text)
		}
	}
	f.checkPostures(r, rule.posture)
}

// checkDestination is about what may not be together with a destination.
func (f *policyFile) checkDestination(r *policyReader, rule rule, d destination) {
	t := d.target()
	switch {
	case rule.grant && t.kind == kindAddresses && t.prefix.Bits() == 0:
		r.refuse("dst %q: to allow all IP addresses, use \"*\" or \"autogroup:internet\"", d.text)
	case len(rule.app) > 0 && d.text == "autogroup:internet":
		r.refuse("cannot use app grants with autogroup:internet")
	case d.text == "autogroup:self" && slices.ContainsFunc(rule.src, rule.cannotBeSelf):
		r.refuse("autogroup:self can only be used with users, groups, or supported autogroups")
	}
}

// cannotBeSelf holds for all but people; an acl may say * as well.
func (rule rule) cannotBeSelf(w word) bool {
	t := w.target()
	switch t.kind {
	case kindLogin, kindGroup, kindDomain:
		return false
	case kindAutogroup:
		return !slices.Contains(peopleAutogroups, t.name())
	default:
		return t.kind != kindEverybody || rule.grant
	}
}

func (f *policyFile) checkPostures(r *policyReader, postures []word) {
	for _, p := range postures {
		if f.posture(p.text) == nil {
			r.refuse("posture not found: %q", p.text)
		}
	}
}

func (f *policyFile) checkPlaces(r *policyReader, words []word, p place) {
	for _, w := range words {
		f.checkPlace(r, w, p)
	}
}

// misplaced reports whether a target is of a kind that a place does not take.
func (f *policyFile) misplaced(t target, p place) bool {
	return !slices.Contains(p.kinds, t.kind) || t.kind == kindAutogroup && !slices.Contains(p.autogroups, t.name())
}

func (f *policyFile) checkPlace(r *policyReader, w word, p place) {
	t := w.target()
	switch {
	case t.text == "autogroup:danger-all" && p.name == inDst.name:
		r.refuse("cannot use %s as a dst", t.text)
	case t.kind == kindAutogroup && slices.Contains(p.kinds, kindAutogroup):
		if !slices.Contains(p.autogroups, t.name()) {
			r.refuse("%q not valid on the %s side of a rule", w.text, p.name)
		}
	case !slices.Contains(p.kinds, t.kind):
		r.refuse("invalid %s %q", p.name, w.text)
	}
	if problem := f.undefined(t, p); problem != "" {
		before := p.before
		if strings.Contains(before, "%q") {
			before = fmt.Sprintf(before, w.text)
		}
		r.refuse("%s%s", before, problem)
	}
}

// checkEntry checks the values of an entry, such as the members of a group.
func (f *policyFile) checkEntry(r *policyReader, table string, e entry, p place) {
	p.before = fmt.Sprintf("%s[%s]: ", table, strconv.Quote(e.text))
	for _, w := range e.of {
		if w.target().kind == kindGroup && p.name == asMember.name {
			r.refuse("%s%q: group members cannot be recursive", p.before, w.text)
		}
		f.checkPlace(r, w, p)
	}
}

// undefined says why a name cannot be used: the file does not define it. It
// returns "" for a name that can be used. A group that has a domain may come from the identity provider; a
// warning says that this one does not: see warnings.
func (f *policyFile) undefined(t target, p place) string {
	switch {
	case t.kind == kindTag && find(f.tagOwners, t.text) == nil:
		return fmt.Sprintf("tag not found: %q", t.text)
	case t.kind == kindGroup && find(f.groups, t.text) == nil && !strings.Contains(t.text, "@"):
		return fmt.Sprintf("group not found: %q", t.text)
	case t.kind == kindIPSet && find(f.ipsets, t.text) == nil:
		return fmt.Sprintf("IP set not found: %q", t.text)
	case t.kind == kindHost && !f.hasHost(t.text) && p.name == asTarget.name:
		return fmt.Sprintf("%q: invalid address", t.text)
	case t.kind == kindHost && !f.hasHost(t.text), t.kind == kindNamedHost && !f.hasHost(t.name()):
		return fmt.Sprintf("host not found: %q", t.text)
	case t.kind == kindDomain && !strings.HasPrefix(t.name(), "*@"):
		return fmt.Sprintf("%q: only user:*@domain is known", t.text)
	case t.kind == kindDomain:
		return f.foreign(strings.TrimPrefix(t.name(), "*@"))
	}
	return ""
}

// foreign returns the refusal of a domain whose people do not belong to the
// tailnet; "" if they do.
func (f *policyFile) foreign(domain string) string {
	if slices.Contains(f.domains, domain) {
		return ""
	}
	return domain + " is not associated with this Tailnet and cannot be used in user:*@<domain> expressions"
}

func (f *policyFile) hasHost(name string) bool {
	return slices.ContainsFunc(f.hosts, func(h hostEntry) bool { return h.text == name })
}
