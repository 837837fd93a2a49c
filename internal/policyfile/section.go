package policyfile

import (
	"strings"

	"github.com/tailscale/hujson"
)

// A word is a text in a policy, and where it stands in Text.
type word struct {
	text string
	at   int
}

// section is the value of a top-level key, in whatever case it is written.
func (f *File) section(name string) (hujson.Value, bool) {
	return member(f.root, name)
}

// member is a field of an object; its name counts in any case, as it does for
// Tailscale.
func member(v hujson.Value, name string) (hujson.Value, bool) {
	if o, ok := v.Value.(*hujson.Object); ok {
		for _, m := range o.Members {
			if strings.EqualFold(nameOf(m), name) {
				return m.Value, true
			}
		}
	}
	return hujson.Value{}, false
}

// either is the first of these fields that an object has.
func either(v hujson.Value, names ...string) (hujson.Value, bool) {
	for _, name := range names {
		if found, ok := member(v, name); ok {
			return found, true
		}
	}
	return hujson.Value{}, false
}

// elements are those of a list; none if there is no list.
func elements(v hujson.Value) []hujson.Value {
	if a, ok := v.Value.(*hujson.Array); ok {
		return a.Elements
	}
	return nil
}

// members are those of an object; none if there is no object.
func members(v hujson.Value) []hujson.ObjectMember {
	if o, ok := v.Value.(*hujson.Object); ok {
		return o.Members
	}
	return nil
}

// words reads a list of texts. null is an empty one.
func words(v hujson.Value) (all []word, ok bool) {
	if v.Value == nil || kind(v) == 'n' {
		return nil, true
	}
	if kind(v) != '[' {
		return nil, false
	}
	for _, e := range elements(v) {
		w, ok := wordOf(e)
		if !ok {
			return nil, false
		}
		all = append(all, w)
	}
	return all, true
}

func wordOf(v hujson.Value) (word, bool) {
	l, ok := v.Value.(hujson.Literal)
	if !ok || l.Kind() != '"' {
		return word{}, false
	}
	return word{l.String(), v.StartOffset}, true
}

// TagOwners are those who may give a tag to nodes and keys, and where the policy
// says so. Who has a tag that nobody owns can use it no more: ok is false then.
func (f *File) TagOwners(tag string) (owners []string, at Position, ok bool) {
	section, _ := f.section("tagOwners")
	for _, m := range members(section) {
		if nameOf(m) != tag {
			continue
		}
		list, _ := words(m.Value)
		for _, w := range list {
			owners = append(owners, w.text)
		}
		return owners, f.position(m.Name.StartOffset), true
	}
	return nil, Position{}, false
}

// Has says whether the policy has a section.
func (f *File) Has(section string) bool {
	_, ok := f.section(section)
	return ok
}

// TestsOf is where the tests of a source stand, among those of a section: tests
// or sshTests.
func (f *File) TestsOf(section, src string) (all []Position) {
	tests, _ := f.section(section)
	for _, test := range elements(tests) {
		v, _ := either(test, "src", "user")
		if w, ok := wordOf(v); ok && w.text == src {
			all = append(all, f.position(test.StartOffset))
		}
	}
	return all
}
