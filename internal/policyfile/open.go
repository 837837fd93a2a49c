package policyfile

import "slices"

// Open says why a policy allows everything from everywhere to everywhere, and
// where: a rule says so, or there are neither grants nor acls. ok is false if it
// does not.
func (f *File) Open() (why string, at Position, ok bool) {
	if f.lacksRules() {
		return "the policy has neither grants nor acls, and Tailscale then allows everything; an empty list would allow nothing", f.position(f.root.StartOffset), true
	}
	p := f.policy()
	for i := range p.all {
		if r := &p.all[i]; r.isOpen() {
			return "a rule allows everything", r.at, true
		}
	}
	return "", Position{}, false
}

// lacksRules reports whether the policy has neither grants nor acls. A section
// that is null is as absent; one that is an empty list is not.
func (f *File) lacksRules() bool {
	return !slices.ContainsFunc([]string{"grants", "acls"}, func(name string) bool {
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
