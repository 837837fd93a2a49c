package localtailnet

import (
	"regexp"
	"slices"
	"strings"

	"go4.org/netipx"
)

// A place is where a word may stand, and what it may mean there.
type place struct {
	name       string
	kinds      []string
	autogroups []string
}

var (
	people = []string{kindLogin, kindGroup, kindAutogroup}

	inSrc = place{"src", append([]string{kindEverybody, kindTag, kindIPSet, kindDomain, kindAddresses, kindHost}, people...), sourceAutogroups}
	inDst = place{"dst", append([]string{kindEverybody, kindTag, kindIPSet, kindDomain, kindAddresses, kindHost, kindService}, people...), targetAutogroups}

	asMember   = place{"group member", []string{kindLogin, kindDomain}, nil}
	asOwner    = place{"tag owner", append([]string{kindTag, kindDomain}, people...), peopleAutogroups}
	asApprover = place{"auto approver", append([]string{kindTag, kindDomain}, people...), append([]string{"tagged"}, peopleAutogroups...)}
	asElement  = place{"IP set", []string{kindAddresses, kindNamedHost, kindIPSet, kindAutogroup}, []string{"internet"}}
	asTarget   = place{"target", append([]string{kindEverybody, kindTag, kindDomain, kindAddresses, kindHost, kindIPSet}, people...), append([]string{"tagged"}, peopleAutogroups...)}

	inTestSrc = place{"src", append([]string{kindTag, kindDomain, kindAddresses, kindHost}, people...), append([]string{"tagged"}, peopleAutogroups...)}
	inTestDst = place{"dst", append([]string{kindTag, kindDomain, kindAddresses, kindHost}, people...), append([]string{"tagged", "self"}, peopleAutogroups...)}

	inSSHSrc = place{"src", append([]string{kindTag, kindDomain}, people...), append([]string{"tagged"}, peopleAutogroups...)}
	inSSHDst = place{"dst", append([]string{kindTag}, people...), append([]string{"tagged", "self"}, peopleAutogroups...)}
)

var tagName = regexp.MustCompile(`^tag:[a-zA-Z][a-zA-Z0-9-]*$`)

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
	for _, test := range f.tests {
		f.checkTest(r, test)
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
			r.refuse(g.at, "group %q must begin with \"group:\"", g.text)
		}
		f.checkPlaces(r, g.of, asMember)
	}
	for _, t := range f.tagOwners {
		if !tagName.MatchString(t.text) {
			r.refuse(t.at, "tag %q: tag names must start with a letter, after 'tag:', and have letters, digits and hyphens only", t.text)
		}
		f.checkPlaces(r, t.of, asOwner)
	}
	for _, h := range f.hosts {
		if h.target().kind != kindHost {
			r.refuse(h.at, "host %q: that is no name for a host", h.text)
		}
	}
	for _, s := range f.ipsets {
		f.checkIPSet(r, s)
	}
	for _, p := range f.postures {
		if !strings.HasPrefix(p.text, "posture:") {
			r.refuse(p.at, "posture %q must begin with \"posture:\"", p.text)
		}
	}
}

// checkIPSet: a set may hold others, but not itself by way of them.
func (f *policyFile) checkIPSet(r *policyReader, s entry) {
	if !strings.HasPrefix(s.text, "ipset:") {
		r.refuse(s.at, "IP set %q must begin with \"ipset:\"", s.text)
	}
	for _, w := range s.of {
		element, _ := ipsetElement(w)
		if _, err := netipx.ParseIPRange(element.text); err != nil {
			f.checkPlace(r, element, asElement)
		}
	}
	if f.contains(s.text, s.text, nil) {
		r.refuse(s.at, "IP set %q holds itself", s.text)
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
			r.refuse(via.at, "via can only be a tag: %q", via.text)
		}
		f.checkDefined(r, via.target())
	}
	f.checkPostures(r, rule.posture)
}

// checkDestination is about what may not be together with a destination.
func (f *policyFile) checkDestination(r *policyReader, rule rule, d destination) {
	t := d.target()
	switch {
	case rule.grant && t.kind == kindAddresses && t.prefix.Bits() == 0:
		r.refuse(d.at, "dst %q: to allow all IP addresses, use \"*\" or \"autogroup:internet\"", d.text)
	case len(rule.app) > 0 && d.text == "autogroup:internet":
		r.refuse(d.at, "cannot use app grants with autogroup:internet")
	case d.text == "autogroup:self" && slices.ContainsFunc(rule.src, rule.cannotBeSelf):
		r.refuse(d.at, "autogroup:self can only be used with users, groups, or supported autogroups")
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
			r.refuse(p.at, "posture not found: %q", p.text)
		}
	}
}

func (f *policyFile) checkPlaces(r *policyReader, words []word, p place) {
	for _, w := range words {
		f.checkPlace(r, w, p)
	}
}

func (f *policyFile) checkPlace(r *policyReader, w word, p place) {
	t := w.target()
	switch {
	case p.name == asMember.name && t.kind == kindGroup:
		r.refuse(w.at, "%q: group members cannot be recursive", w.text)
	case t.kind == kindAutogroup && slices.Contains(p.kinds, kindAutogroup):
		if !slices.Contains(p.autogroups, t.name()) {
			r.refuse(w.at, "%q not valid on the %s side of a rule", w.text, p.name)
		}
	case !slices.Contains(p.kinds, t.kind):
		r.refuse(w.at, "invalid %s %q", p.name, w.text)
	}
	f.checkDefined(r, t)
}

// checkDefined refuses the name of something that the file does not define. A
// group that has a domain may come from the identity provider; a warning says
// that this one does not: see warnings.
func (f *policyFile) checkDefined(r *policyReader, t target) {
	switch {
	case t.kind == kindTag && find(f.tagOwners, t.text) == nil:
		r.refuse(t.at, "tag not found: %q", t.text)
	case t.kind == kindGroup && find(f.groups, t.text) == nil && !strings.Contains(t.text, "@"):
		r.refuse(t.at, "group not found: %q", t.text)
	case t.kind == kindIPSet && find(f.ipsets, t.text) == nil:
		r.refuse(t.at, "IP set not found: %q", t.text)
	case t.kind == kindHost && !f.hasHost(t.text), t.kind == kindNamedHost && !f.hasHost(t.name()):
		r.refuse(t.at, "host not found: %q", t.text)
	case t.kind == kindDomain && !strings.HasPrefix(t.name(), "*@"):
		r.refuse(t.at, "%q: only user:*@domain is known", t.text)
	}
}

func (f *policyFile) hasHost(name string) bool {
	return slices.ContainsFunc(f.hosts, func(h hostEntry) bool { return h.text == name })
}
