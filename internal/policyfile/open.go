package policyfile

import "slices"

// Open reports whether a policy allows every node to reach everything, and why: a
// rule allows it, or the policy has neither grants nor acls.
func (f *File) Open() (why string, at Position, ok bool) {
	if f.lacksRules() {
		return "the policy has neither grants nor acls, and Tailscale then allows everything; an empty list would allow nothing", f.position(f.root.StartOffset), true
	}
	p := &policy{file: f}
	byDefault, _ := words(f.section("defaultSrcPosture"))
	for _, w := range byDefault {
		p.DefaultSrcPosture = append(p.DefaultSrcPosture, w.text)
	}
	for _, section := range ruleSections {
		for _, r := range p.rules(section) {
			if r.isOpen() {
				return "a rule allows everything", r.at, true
			}
		}
	}
	return "", Position{}, false
}

// ruleSections are the sections that say who may reach what.
var ruleSections = []string{"grants", "acls"}

// lacksRules reports whether the policy has neither grants nor acls. A section
// that is null is as absent; one that is an empty list is not.
func (f *File) lacksRules() bool {
	return !slices.ContainsFunc(ruleSections, func(name string) bool {
		v := f.section(name)
		return v != nil && kind(v) != 'n'
	})
}

func (r *rule) isOpen() bool {
	return r.problem == "" && r.posture == "" && r.via == "" && isEveryone(r.src) && slices.ContainsFunc(r.to, func(t target) bool {
		return isEveryone(t.dst) && t.ports.key() == everyPort().key()
	})
}

// everyPort is what * as a port means.
func everyPort() reach {
	all, _ := parsePorts("", "*")
	return all
}

func isEveryone(selectors []string) bool {
	return slices.ContainsFunc(selectors, func(s string) bool { return s == "*" || s == "autogroup:danger-all" })
}
