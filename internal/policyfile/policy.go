package policyfile

import (
	"iter"
	"strings"
)

// A policy is what a file says about who may reach what.
type policy struct {
	file   *File
	groups map[string][]word
	hosts  map[string]string
	ipsets map[string][]word
	tags   []string
	rules  []rule

	known map[string]selection // groups and IP sets that were followed
}

func (f *File) policy() *policy {
	p := &policy{
		file: f, rules: f.rules(), groups: f.lists("groups"), ipsets: f.lists("ipsets"),
		hosts: map[string]string{}, known: map[string]selection{},
	}
	for name := range f.lists("tagOwners") {
		p.tags = append(p.tags, name)
	}
	hosts := members(f.section("hosts"))
	for i := range hosts {
		w, _ := wordOf(&hosts[i].Value)
		p.hosts["host:"+nameOf(&hosts[i])] = w.text
	}
	return p
}

// lists are the members of a section that has lists of texts.
func (f *File) lists(section string) map[string][]word {
	lists := map[string][]word{}
	all := members(f.section(section))
	for i := range all {
		lists[nameOf(&all[i])], _ = words(&all[i].Value)
	}
	return lists
}

// selectors are all that the policy uses.
func (p *policy) selectors() iter.Seq[selector] {
	return func(yield func(selector) bool) {
		for _, text := range p.names() {
			if !yield(parseSelector(text)) {
				return
			}
		}
	}
}

func (p *policy) names() (all []string) {
	all = append(all, p.tags...)
	for name, list := range p.groups {
		all = append(all, name)
		for _, w := range list {
			all = append(all, w.text)
		}
	}
	for name, value := range p.hosts {
		all = append(all, name, value)
	}
	for name, list := range p.ipsets {
		all = append(all, name)
		for _, w := range list {
			_, target := operation(w.text)
			all = append(all, target)
		}
	}
	for _, r := range p.rules {
		for _, w := range r.src {
			all = append(all, w.text)
		}
		for _, t := range r.to {
			all = append(all, t.dst.text)
		}
		for _, w := range r.appTo {
			all = append(all, w.text)
		}
	}
	return all
}

// operation takes an element of an IP set apart.
func operation(s string) (remove bool, target string) {
	if target, ok := strings.CutPrefix(s, "remove "); ok {
		return true, strings.TrimSpace(target)
	}
	return false, strings.TrimSpace(strings.TrimPrefix(s, "add "))
}

// A selection is what selectors of a rule select.
type selection struct {
	atoms    set
	self     bool
	internet bool
	unknown  []string // selectors that cannot be followed
}

// sel is what a selector means in this policy.
func (p *policy) sel(u *universe, text string) selection {
	s := parseSelector(text)
	switch s.class {
	case ownNodes:
		return selection{atoms: newSet(len(u.atoms)), self: true}
	case theInternet:
		return selection{atoms: newSet(len(u.atoms)), internet: true}
	case aHost:
		if b, ok := parseBlock(p.hosts[s.name]); ok {
			return selection{atoms: u.of(selector{class: anAddress, block: b})}
		}
	case anIPSet:
		if list, ok := p.ipsets[s.name]; ok {
			return p.named(u, s.name, list)
		}
	case aGroup:
		if list, ok := p.groups[s.name]; ok {
			return p.named(u, s.name, list)
		}
		return selection{atoms: u.of(s)}
	case unknown:
	default:
		return selection{atoms: u.of(s)}
	}
	return selection{atoms: newSet(len(u.atoms)), unknown: []string{text}}
}

// named is a group or IP set. One that is within itself cannot be followed.
func (p *policy) named(u *universe, name string, list []word) selection {
	if known, ok := p.known[name]; ok {
		return known
	}
	p.known[name] = selection{atoms: newSet(len(u.atoms)), unknown: []string{name}}
	all := p.selection(u, list)
	p.known[name] = all
	return all
}

// selection is what the elements of a list select, in their order: those of IP
// sets may take away again.
func (p *policy) selection(u *universe, list []word) selection {
	all := selection{atoms: newSet(len(u.atoms))}
	for _, w := range list {
		remove, target := operation(w.text)
		one := p.sel(u, target)
		if remove {
			all.atoms = all.atoms.without(one.atoms)
		} else {
			all.atoms.addAll(one.atoms)
		}
		all.self = all.self || one.self
		all.internet = all.internet || one.internet
		all.unknown = append(all.unknown, one.unknown...)
	}
	return all
}
