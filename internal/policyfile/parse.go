package policyfile

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"github.com/tailjoin/tailjoin/internal/nesting"
	"github.com/tailscale/hujson"
)

// Parse reads a policy. Several sources are joined, in their order: see join.
// What it refuses is an *Error.
func Parse(sources ...Source) (*File, error) {
	if len(sources) == 0 {
		return nil, &Error{Problem: "there is no policy file"}
	}
	f := &File{sources: sources}
	for _, s := range sources {
		f.lines = append(f.lines, linesOf(s.Text))
	}
	var whole hujson.Value
	base := 0
	for i, s := range sources {
		v, err := s.parse(base)
		if err != nil {
			return nil, err
		}
		if err := f.refuseTwice(&v, 0); err != nil {
			return nil, err
		}
		if i == 0 {
			whole = v
		} else if err := f.join(&whole, &v); err != nil {
			return nil, err
		}
		base += len(s.Text) + 1
	}
	f.settle(whole)
	return f, nil
}

// parse reads one source. Its offsets begin at base.
func (s Source) parse(base int) (hujson.Value, error) {
	refuse := func(at int, problem string) (hujson.Value, error) {
		return hujson.Value{}, &Error{At: s.position(at), Problem: problem}
	}
	if len(bytes.TrimSpace(s.Text)) == 0 {
		return refuse(0, "the file is empty")
	}
	if at := nesting.Exceeds(s.Text, deepest); at >= 0 {
		return refuse(at, "objects and lists are too far inside each other")
	}
	v, err := hujson.Parse(bytes.Clone(s.Text)) // what formats it writes to these bytes
	if err != nil {
		line, column, problem := explain(err)
		return refuse(offset(s.Text, line, column), "not HuJSON: "+problem)
	}
	if _, ok := v.Value.(*hujson.Object); !ok {
		return refuse(v.StartOffset, "a policy file is an object, in { }")
	}
	if len(members(&v)) > mostSections {
		return refuse(v.StartOffset, "there are too many sections")
	}
	walk(&v, func(v *hujson.Value) {
		v.StartOffset += base
		v.EndOffset += base
	})
	return v, nil
}

// walk calls f for a value and all in it, in their order.
func walk(v *hujson.Value, f func(*hujson.Value)) {
	f(v)
	all := members(v)
	for i := range all {
		f(&all[i].Name)
		walk(&all[i].Value, f)
	}
	list := elements(v)
	for i := range list {
		walk(&list[i], f)
	}
}

// deepest is how far objects and lists may be inside each other. A policy needs
// six. A parser that calls itself for each level ends with the stack, and
// formatting indents a line by its level.
const deepest = 50

// mostSections is more than any policy has; it has about twenty.
const mostSections = 1000

// explain takes "hujson: line 3, column 7: what" apart. It leaves out a literal
// that is named: any word of any file may be one.
func explain(err error) (line, column int, problem string) {
	where, what, _ := strings.Cut(strings.TrimPrefix(err.Error(), "hujson: line "), ": ")
	l, c, _ := strings.Cut(where, ", column ")
	line, _ = strconv.Atoi(l)
	column, _ = strconv.Atoi(c)
	if inner := errors.Unwrap(err); inner != nil {
		what = inner.Error()
	}
	if before, _, named := strings.Cut(what, "invalid literal:"); named {
		what = before + "invalid literal"
	}
	return line, column, what
}

// refuseTwice finds a key that an object has twice, with different values: which
// of them counts, readers of JSON do not agree on. The names of sections, and of
// the fields of a rule in a list, are the same in upper and lower case. level is
// how many objects and lists are around the value.
func (f *File) refuseTwice(v *hujson.Value, level int) error {
	seen := map[string]*hujson.ObjectMember{}
	all := members(v)
	for i := range all {
		m := &all[i]
		name := nameOf(m)
		if level == 0 || level == 2 {
			name = folded(name)
		}
		if first := seen[name]; first != nil && !same(&first.Value, &m.Value) {
			return f.twice(m, first)
		}
		seen[name] = m
		inside := level + 1
		if level > 0 {
			inside = exact
		}
		if err := f.refuseTwice(&m.Value, inside); err != nil {
			return err
		}
	}
	list := elements(v)
	for i := range list {
		if err := f.refuseTwice(&list[i], level+1); err != nil {
			return err
		}
	}
	return nil
}

// exact is a level below which names are what they are.
const exact = 1000

// folded is a name in the case that encoding/json compares names in.
func folded(name string) string { return strings.ToLower(strings.ToUpper(name)) }

// twice is the error for two members of one name. Their offsets are those among
// all sources.
func (f *File) twice(m, first *hujson.ObjectMember) error {
	return &Error{
		At:      f.origin(m.Name.StartOffset),
		Problem: quote(nameOf(m)) + " is there twice, with different values",
		Also:    f.origin(first.Name.StartOffset),
	}
}

func nameOf(m *hujson.ObjectMember) string { return m.Name.Value.(hujson.Literal).String() }

func kind(v *hujson.Value) hujson.Kind { return v.Value.Kind() }

// plain is a value without its comments, on one line.
func plain(v *hujson.Value) string {
	c := v.Clone()
	c.Minimize()
	return c.String()
}

func same(a, b *hujson.Value) bool { return plain(a) == plain(b) }

func quote(s string) string { return string(hujson.String(s)) }
