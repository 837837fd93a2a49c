package policyfile

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
)

// A policy is what a file says about who may reach what.
type policy struct {
	Groups, IPSets      map[string][]string
	Hosts               map[string]string
	TagOwners, Postures map[string]json.RawMessage
	DefaultSrcPosture   []string

	file    *File
	all     []rule
	known   map[string]selection // groups and IP sets that were followed
	digests map[string]string    // of postures
}

// policy reads the file as far as it can be read: what has another form than it
// should, Tailscale refuses, and rules that need it are not computed.
func (f *File) policy() *policy {
	p := &policy{file: f, known: map[string]selection{}}
	_ = json.Unmarshal(f.JSON(), p)
	p.digest()
	for _, section := range ruleSections {
		p.all = append(p.all, p.rules(section)...)
	}
	if f.lacksRules() {
		p.all = []rule{{src: []string{"*"}, to: []target{{[]string{"*"}, everyPort()}}, at: f.position(f.root.StartOffset)}}
	}
	return p
}

// names are all selectors that the policy uses or defines, each once.
func (p *policy) names() (all []string) {
	seen := map[string]bool{}
	add := func(names ...string) {
		for _, name := range names {
			if !seen[name] {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	add(slices.Sorted(maps.Keys(p.TagOwners))...)
	for _, name := range slices.Sorted(maps.Keys(p.Hosts)) {
		add(name, p.Hosts[name])
	}
	for _, lists := range []map[string][]string{p.Groups, p.IPSets} {
		for _, name := range slices.Sorted(maps.Keys(lists)) {
			add(name)
			for _, one := range lists[name] {
				_, one = operation(one)
				add(one)
			}
		}
	}
	for i := range p.all {
		r := &p.all[i]
		add(r.src...)
		add(r.appTo...)
		for _, t := range r.to {
			add(t.dst...)
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
	unknown  set // selectors that cannot be followed, by their numbers in the universe; nil if every selector can be followed
}

// sel is what a selector means in this policy.
func (p *policy) sel(u *universe, text string, depth int) selection {
	s := u.parse(text)
	list, isGroup := p.Groups[s.name]
	set, isSet := p.IPSets[s.name]
	switch host := u.parse(p.Hosts[s.name]); {
	case isGroup || isSet:
		return p.named(u, s.name, append(list, set...), depth)
	case s.class == aHost && host.class == anAddress:
		s = host
	case s.class == aHost || s.class == anIPSet || s.class == unknown:
		return selection{atoms: u.newSet(), unknown: u.unknown(text)}
	}
	return selection{atoms: u.of(s), self: s.class == ownNodes, internet: s.class == theInternet}
}

// mostNested is how far groups and IP sets may be inside each other. Tailscale
// takes no group in a group.
const mostNested = 100

// named is a group or IP set. One that is within itself, or too far inside
// others, cannot be followed.
func (p *policy) named(u *universe, name string, list []string, depth int) selection {
	if depth == mostNested {
		u.fail(errNested)
	}
	if u.err != nil {
		return selection{atoms: u.newSet()}
	}
	if _, ok := p.known[name]; !ok {
		p.known[name] = selection{atoms: u.newSet(), unknown: u.unknown(name)}
		p.known[name] = p.selection(u, list, depth+1)
	}
	return p.known[name]
}

var errNested = errors.New("groups or IP sets are too far inside each other")

// selection is what the elements of a list select, in their order: those of IP
// sets may take away again.
func (p *policy) selection(u *universe, list []string, depth int) selection {
	all := selection{atoms: u.newSet()}
	for _, text := range list {
		if u.err != nil {
			break
		}
		remove, target := operation(text)
		if !remove && p.addsOne(u, target, all.atoms) {
			continue
		}
		one := p.sel(u, target, depth)
		u.spend(len(one.atoms))
		if remove {
			all.atoms.remove(one.atoms)
		} else {
			all.atoms.addAll(one.atoms)
		}
		all.self = all.self || one.self
		all.internet = all.internet || one.internet
		all.unknown = union(all.unknown, one.unknown)
	}
	return all
}

// addsOne adds a selector that selects just itself, the usual case, without a
// set of its own.
func (p *policy) addsOne(u *universe, text string, to set) bool {
	u.spend(1)
	i, ok := u.single[text]
	_, isGroup := p.Groups[text]
	_, isSet := p.IPSets[text]
	if ok = ok && !isGroup && !isSet; ok {
		to.add(i)
	}
	return ok
}

// union adds a set to one that nothing else holds.
func union(all, more set) set {
	for len(all) < len(more) {
		all = append(all, 0)
	}
	all.addAll(more)
	return all
}
