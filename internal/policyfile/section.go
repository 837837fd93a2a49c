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

// section is the value of a top-level key, in whatever case it is written; nil
// if there is none.
func (f *File) section(name string) *hujson.Value { return member(&f.root, name) }

// member is the first of these fields that an object has, or nil. Names count in
// any case, as they do for Tailscale.
func member(v *hujson.Value, names ...string) *hujson.Value {
	for _, name := range names {
		if m := memberOf(v, name); m != nil {
			return &m.Value
		}
	}
	return nil
}

func memberOf(v *hujson.Value, name string) *hujson.ObjectMember {
	all := members(v)
	for i := range all {
		if strings.EqualFold(nameOf(&all[i]), name) {
			return &all[i]
		}
	}
	return nil
}

// elements are those of a list; none if there is no list.
func elements(v *hujson.Value) []hujson.Value {
	if v != nil {
		if a, ok := v.Value.(*hujson.Array); ok {
			return a.Elements
		}
	}
	return nil
}

// members are those of an object; none if there is no object.
func members(v *hujson.Value) []hujson.ObjectMember {
	if v != nil {
		if o, ok := v.Value.(*hujson.Object); ok {
			return o.Members
		}
	}
	return nil
}

// words reads a list of texts. Nothing and null are an empty one.
func words(v *hujson.Value) (all []word, ok bool) {
	if v == nil || kind(v) == 'n' {
		return nil, true
	}
	list := elements(v)
	for i := range list {
		w, ok := wordOf(&list[i])
		if !ok {
			return nil, false
		}
		all = append(all, w)
	}
	return all, kind(v) == '['
}

func wordOf(v *hujson.Value) (word, bool) {
	if v == nil || kind(v) != '"' {
		return word{}, false
	}
	return word{v.Value.(hujson.Literal).String(), v.StartOffset}, true
}

// TagOwners are those who may give a tag to nodes and keys, and where the policy
// says so. Who has a tag that nobody owns can use it no more: ok is false then.
func (f *File) TagOwners(tag string) (owners []string, at Position, ok bool) {
	all := members(f.section("tagOwners"))
	for i := range all {
		if nameOf(&all[i]) != tag {
			continue
		}
		list, _ := words(&all[i].Value)
		for _, w := range list {
			owners = append(owners, w.text)
		}
		return owners, f.position(all[i].Name.StartOffset), true
	}
	return nil, Position{}, false
}

// Tags are those that tagOwners has, in its order.
func (f *File) Tags() (tags []string) {
	all := members(f.section("tagOwners"))
	for i := range all {
		tags = append(tags, nameOf(&all[i]))
	}
	return tags
}

// Has says whether the policy has a section.
func (f *File) Has(section string) bool { return f.section(section) != nil }

// TestsOf is where the tests of a source stand, among those of a section: tests
// or sshTests.
func (f *File) TestsOf(section, src string) (all []Position) {
	tests := elements(f.section(section))
	for i := range tests {
		if w, ok := wordOf(member(&tests[i], "src", "user")); ok && w.text == src {
			all = append(all, f.position(tests[i].StartOffset))
		}
	}
	return all
}
