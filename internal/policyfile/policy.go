package policyfile

import (
	"encoding/json"
	"strings"
)

// A policy is what a file says about who may reach what.
type policy struct {
	Groups, IPSets      map[string][]string
	Hosts               map[string]string
	TagOwners, Postures map[string]json.RawMessage
	DefaultSrcPosture   []string

	file  *File
	all   []rule
	known map[string]selection // groups and IP sets that were followed
}

// policy reads the file as far as it can be read: what has another form than it
// should, Tailscale refuses, and rules that need it are not computed.
func (f *File) policy() *policy {
	p := &policy{file: f, known: map[string]selection{}}
	_ = json.Unmarshal(f.JSON(), p)
	p.all = append(p.rules("grants"), p.rules("acls")...)
	return p
}

// names are all selectors that the policy uses or defines.
func (p *policy) names() (all []string) {
	for name := range p.TagOwners {
		all = append(all, name)
	}
	for name, value := range p.Hosts {
		all = append(all, name, value)
	}
	for _, lists := range []map[string][]string{p.Groups, p.IPSets} {
		for name, list := range lists {
			all = append(all, name)
			for _, one := range list {
				_, one = operation(one)
				all = append(all, one)
			}
		}
	}
	for i := range p.all {
		r := &p.all[i]
		all = append(append(all, r.src...), r.appTo...)
		for _, t := range r.to {
			all = append(all, t.dst...)
		}
	}
	return all
}

// operation takes an element of an IP set apart.
func operation(s string) (remove bool, target string) {
	target, remove = strings.CutPrefix(s, "remove ")
	return remove, strings.TrimSpace(strings.TrimPrefix(target, "add "))
}

// A selection is what selectors of a rule select.
type selection struct {
	atoms    set
	self     bool
	internet bool
	unknown  string // selectors that cannot be followed
}

// sel is what a selector means in this policy.
func (p *policy) sel(u *universe, text string) selection {
	s := parseSelector(text)
	list, isGroup := p.Groups[s.name]
	set, isSet := p.IPSets[s.name]
	switch host, isHost := parseBlock(p.Hosts[s.name]); {
	case isGroup || isSet:
		return p.named(u, s.name, append(list, set...))
	case s.class == aHost && isHost:
		s = selector{anAddress, "", host}
	case s.class == aHost || s.class == anIPSet || s.class == unknown:
		return selection{atoms: make([]byte, len(u.atoms)), unknown: " " + text}
	}
	return selection{atoms: u.of(s), self: s.class == ownNodes, internet: s.class == theInternet}
}

// named is a group or IP set. One that is within itself cannot be followed.
func (p *policy) named(u *universe, name string, list []string) selection {
	if _, ok := p.known[name]; !ok {
		p.known[name] = selection{atoms: make(set, len(u.atoms)), unknown: " " + name}
		p.known[name] = p.selection(u, list)
	}
	return p.known[name]
}

// selection is what the elements of a list select, in their order: those of IP
// sets may take away again.
func (p *policy) selection(u *universe, list []string) selection {
	all := selection{atoms: make(set, len(u.atoms))}
	for _, text := range list {
		remove, target := operation(text)
		one := p.sel(u, target)
		if remove {
			all.atoms.remove(one.atoms)
		} else {
			all.atoms.addAll(one.atoms)
		}
		all.self = all.self || one.self
		all.internet = all.internet || one.internet
		all.unknown += one.unknown
	}
	return all
}
