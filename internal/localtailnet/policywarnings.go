package localtailnet

import (
	"fmt"
	"slices"
	"strings"
)

// warnings are about groups that only an identity provider could fill. Like
// Tailscale, validate says so, and set takes the file.
func (f *policyFile) warnings() (all []testFailure) {
	var seen []string
	for _, w := range f.named() {
		unknown := w.target().kind == kindGroup && find(f.groups, w.text) == nil
		if unknown && !slices.Contains(seen, w.text) {
			seen = append(seen, w.text)
			all = append(all, testFailure{User: w.text, Warnings: []string{
				"group is not syncing from SCIM and will be ignored by rules in the policy file",
			}})
		}
	}
	return all
}

// named are the words of the rules.
func (f *policyFile) named() (words []word) {
	for _, r := range f.rules {
		words = append(words, r.src...)
		for _, d := range r.dst {
			words = append(words, d.word)
		}
	}
	for _, s := range f.ssh {
		words = slices.Concat(words, s.src, s.dst)
	}
	return words
}

// unknownPeople are the members of groups who are not in the tailnet.
func (t *Tailnet) unknownPeople(p policy) (all []testFailure) {
	for _, g := range p.groups {
		for _, w := range g.of {
			if w.target().kind == kindLogin && !t.state.knows(w.text) {
				all = append(all, testFailure{User: g.text, Warnings: []string{fmt.Sprintf("user not found: %q", w.text)}})
			}
		}
	}
	return all
}

// lines are the warnings as ?details=1 has them.
func lines(warnings []testFailure) (all []string) {
	for _, w := range warnings {
		all = append(all, fmt.Sprintf("%q: %s", w.User, strings.Join(w.Warnings, "; ")))
	}
	return all
}
