package policyfile

import (
	"bytes"
	"strings"

	"github.com/tailscale/hujson"
)

// join adds the sections of another file. Of a section that both have, lists
// are put one after the other and objects united. What is there twice must be
// the same, so that no file quietly changes what another says.
func (f *File) join(into, from *hujson.Value) error {
	sections, more := into.Value.(*hujson.Object), from.Value.(*hujson.Object)
	lead := comments(append(hujson.Extra("\n"), from.BeforeExtra...))
	for i := range more.Members {
		m := &more.Members[i]
		first := memberOf(into, nameOf(m))
		if first == nil {
			addMember(sections, m, lead)
			lead = nil
			continue
		}
		lead = comments(lead, m.Name.BeforeExtra, m.Name.AfterExtra, m.Value.BeforeExtra)
		if err := f.joinSection(first, m, lead); err != nil {
			return err
		}
		lead = comments(m.Value.AfterExtra)
	}
	sections.AfterExtra = over(comments(sections.AfterExtra, lead, more.AfterExtra), nil)
	into.AfterExtra = over(comments(into.AfterExtra, from.AfterExtra), nil)
	return nil
}

// appended are the sections that are lists of rules, each of which counts by
// itself.
var appended = map[string]bool{"acls": true, "grants": true, "ssh": true, "nodeattrs": true, "tests": true, "sshtests": true}

// joinSection adds a section to the one with its name. lead are the comments
// that stood before its value.
func (f *File) joinSection(first, m *hujson.ObjectMember, lead hujson.Extra) error {
	switch a := first.Value.Value.(type) {
	case *hujson.Array:
		if b, ok := m.Value.Value.(*hujson.Array); ok && appended[strings.ToLower(nameOf(m))] {
			appendList(a, b, lead)
			return nil
		}
	case *hujson.Object:
		if b, ok := m.Value.Value.(*hujson.Object); ok {
			return f.unite(a, b, lead, strings.EqualFold(nameOf(m), "autoApprovers"))
		}
	}
	if !same(&first.Value, &m.Value) {
		return f.twice(m, first)
	}
	first.Value.AfterExtra = keepComma(first.Value.AfterExtra, over(comments(first.Value.AfterExtra, lead), nil))
	return nil
}

// unite adds the members of b to a. deep does so with members that are objects
// or lists themselves.
func (f *File) unite(a, b *hujson.Object, lead hujson.Extra, deep bool) error {
	places := placesOf(a)
	for i := range b.Members {
		m := &b.Members[i]
		var first *hujson.ObjectMember
		if at, ok := places[nameOf(m)]; ok {
			first = &a.Members[at]
		}
		switch {
		case first == nil:
			places[nameOf(m)] = len(a.Members)
			addMember(a, m, lead)
			lead = nil
		case deep && kind(&first.Value) == '{' && kind(&m.Value) == '{':
			lead = comments(lead, m.Name.BeforeExtra, m.Name.AfterExtra, m.Value.BeforeExtra)
			if err := f.unite(first.Value.Value.(*hujson.Object), m.Value.Value.(*hujson.Object), lead, false); err != nil {
				return err
			}
			lead = comments(m.Value.AfterExtra)
		case !same(&first.Value, &m.Value):
			return f.twice(m, first)
		default:
			lead = comments(lead, m.Name.BeforeExtra, m.Name.AfterExtra, m.Value.BeforeExtra, m.Value.AfterExtra)
		}
	}
	a.AfterExtra = over(comments(a.AfterExtra, lead, b.AfterExtra), nil)
	return nil
}

func appendList(a, b *hujson.Array, lead hujson.Extra) {
	if len(b.Elements) > 0 {
		first := &b.Elements[0]
		first.BeforeExtra = over(comments(a.AfterExtra, lead), first.BeforeExtra)
		a.AfterExtra, lead = nil, nil
		a.Elements = append(a.Elements, b.Elements...)
	}
	a.AfterExtra = over(comments(a.AfterExtra, lead), b.AfterExtra)
}

func addMember(o *hujson.Object, m *hujson.ObjectMember, lead hujson.Extra) {
	m.Name.BeforeExtra = over(comments(o.AfterExtra, lead), m.Name.BeforeExtra)
	o.AfterExtra = nil
	o.Members = append(o.Members, *m)
}

// comments are the extras that hold any, one after another, without the blanks
// at their end.
func comments(extras ...hujson.Extra) (all hujson.Extra) {
	for _, e := range extras {
		if bytes.IndexByte(e, '/') < 0 {
			continue
		}
		if len(all) > 0 && !newLine(e) {
			all = append(all, '\n')
		}
		all = append(all, bytes.TrimRight(e, " \t\r\n")...)
	}
	return all
}

// over puts comments before an extra. A comment may need the end of its line.
func over(comments, e hujson.Extra) hujson.Extra {
	switch {
	case len(comments) == 0:
		return e
	case newLine(e):
		return append(comments, e...)
	}
	return append(append(comments, '\n'), e...)
}

func newLine(e hujson.Extra) bool { return bytes.HasPrefix(bytes.TrimLeft(e, " \t\r"), []byte("\n")) }

// keepComma keeps what a last value is marked with if a comma follows it.
func keepComma(was, is hujson.Extra) hujson.Extra {
	if was != nil && is == nil {
		return hujson.Extra{}
	}
	return is
}

// placesOf are the first places of the names in an object.
func placesOf(o *hujson.Object) map[string]int {
	places := map[string]int{}
	for i := range o.Members {
		name := nameOf(&o.Members[i])
		if _, ok := places[name]; !ok {
			places[name] = i
		}
	}
	return places
}
