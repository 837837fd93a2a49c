package policyfile

import (
	"strings"

	"github.com/tailscale/hujson"
)

// A Change is what became of one entry of a section.
type Change struct {
	Section string `json:"section"`       // as the file that has it last writes it
	Old     *Entry `json:"old,omitempty"` // nil if it was added
	New     *Entry `json:"new,omitempty"` // nil if it was removed
}

// sections come first in a diff, in this order; what else there is follows in
// that of the files.
var sections = []string{
	"grants", "acls", "groups", "tagOwners", "hosts", "ipsets", "postures", "ssh", "autoApprovers", "nodeAttrs", "tests", "sshTests",
}

// Diff says what was changed, section by section, comments included. The order
// of rules counts, that of names and sections does not; nor do blanks.
func Diff(old, new *File) (all []Change) {
	for _, name := range sectionNames(old, new) {
		was, is := memberOf(&old.root, name), memberOf(&new.root, name)
		section := name
		for _, m := range []*hujson.ObjectMember{was, is} {
			if m != nil {
				section = nameOf(m)
			}
		}
		compare := byOrder
		if isObject(was) || isObject(is) {
			compare = byName
		}
		for _, c := range compare(old.sectionEntries(name), new.sectionEntries(name)) {
			c.Section = section
			all = append(all, c)
		}
	}
	if was, is := old.around(), new.around(); was.Text != is.Text {
		all = append(all, Change{Section: "comments", Old: was.orNil(), New: is.orNil()})
	}
	return all
}

// around are the comments before and after all sections.
func (f *File) around() Entry {
	_, _, rest := f.sectionComments()
	text := joinLines(comment(f.root.BeforeExtra), rest, comment(f.root.AfterExtra))
	return Entry{Text: text, content: text, At: f.position(0)}
}

// sectionComments are the comments over each section and behind it, and those
// that belong to none.
func (f *File) sectionComments() (lead, trail []string, rest string) {
	o := f.root.Value.(*hujson.Object)
	names := make([]*hujson.Value, len(o.Members))
	for i := range o.Members {
		names[i] = &o.Members[i].Name
	}
	return belong(names, o.AfterExtra)
}

func (e Entry) orNil() *Entry {
	if e.Text == "" {
		return nil
	}
	return &e
}

func sectionNames(files ...*File) (names []string) {
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[strings.ToLower(name)] {
			seen[strings.ToLower(name)] = true
			names = append(names, name)
		}
	}
	for _, name := range sections {
		add(name)
	}
	for _, f := range files {
		all := members(&f.root)
		for i := range all {
			add(nameOf(&all[i]))
		}
	}
	return names
}

func isObject(m *hujson.ObjectMember) bool { return m != nil && kind(&m.Value) == '{' }

// sectionEntries are the entries of a section, after the comments that belong to
// it as a whole. A section without entries is one by itself.
func (f *File) sectionEntries(name string) (all []Entry) {
	m := memberOf(&f.root, name)
	if m == nil {
		return nil
	}
	entries, rest := f.entries(&m.Value)
	lead, trail := f.commentsOf(m)
	own := joinLines(lead, comment(m.Name.AfterExtra), comment(m.Value.BeforeExtra), rest, comment(m.Value.AfterExtra), trail)
	if len(entries) == 0 {
		own = joinLines(own, plain(&m.Value))
	}
	if own != "" {
		all = append(all, Entry{Text: own, content: own, At: f.position(m.Name.StartOffset), plain: "section"})
	}
	return append(all, entries...)
}

// commentsOf are the comments over a section and behind it.
func (f *File) commentsOf(m *hujson.ObjectMember) (over, behind string) {
	lead, trail, _ := f.sectionComments()
	all := members(&f.root)
	for i := range all {
		if &all[i] == m {
			return lead[i], trail[i]
		}
	}
	return "", ""
}

// joinLines joins what is not empty.
func joinLines(parts ...string) (all string) {
	for _, p := range parts {
		if all != "" && p != "" {
			all += "\n"
		}
		all += p
	}
	return all
}

// byName compares objects. Of a name that is there twice, with the same value,
// the first is compared with the first.
func byName(old, new []Entry) (all []Change) {
	places := map[string][]int{}
	for i := range new {
		places[new[i].key()] = append(places[new[i].key()], i)
	}
	is := make([]bool, len(new))
	for i := range old {
		key := old[i].key()
		if at := places[key]; len(at) > 0 {
			all = addChange(all, &old[i], &new[at[0]])
			places[key], is[at[0]] = at[1:], true
			continue
		}
		all = addChange(all, &old[i], nil)
	}
	for i := range new {
		if !is[i] {
			all = addChange(all, nil, &new[i])
		}
	}
	return all
}

func plains(entries []Entry) (all []string) {
	for _, e := range entries {
		all = append(all, e.plain)
	}
	return all
}

// addChange adds nothing if nothing was changed.
func addChange(all []Change, old, new *Entry) []Change {
	if old != nil && new != nil && old.content == new.content {
		return all
	}
	return append(all, Change{Old: old, New: new})
}

// key tells the entries of an object apart.
func (e *Entry) key() string {
	if e.Name == "" {
		return e.plain
	}
	return "\x00" + e.Name
}

// byOrder compares lists. Of what was replaced, what stands at the same place is
// taken for the same rule, changed.
func byOrder(old, new []Entry) (all []Change) {
	i, j := 0, 0
	for _, pair := range append(common(plains(old), plains(new)), [2]int{len(old), len(new)}) {
		for i < pair[0] || j < pair[1] {
			var was, is *Entry
			if i < pair[0] {
				was, i = &old[i], i+1
			}
			if j < pair[1] {
				is, j = &new[j], j+1
			}
			all = addChange(all, was, is)
		}
		if i < len(old) {
			all = addChange(all, &old[i], &new[j])
			i, j = i+1, j+1
		}
	}
	return all
}
