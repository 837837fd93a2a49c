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
		for _, c := range compare(old.sectionEntries(was), new.sectionEntries(is)) {
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
	o := f.root.Value.(*hujson.Object)
	return Entry{Text: joinLines(comment(f.root.BeforeExtra), comment(o.AfterExtra), comment(f.root.AfterExtra)), At: f.position(0)}
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
func (f *File) sectionEntries(m *hujson.ObjectMember) (all []Entry) {
	if m == nil {
		return nil
	}
	entries, rest := f.entries(&m.Value)
	own := joinLines(comment(m.Name.BeforeExtra), comment(m.Name.AfterExtra), comment(m.Value.BeforeExtra), rest)
	if len(entries) == 0 {
		own = joinLines(own, plain(&m.Value))
	}
	if own != "" {
		all = append(all, Entry{Text: own, At: f.position(m.Name.StartOffset), plain: "section"})
	}
	return append(all, entries...)
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

// byName compares objects.
func byName(old, new []Entry) (all []Change) {
	places := map[string]int{}
	for i := range new {
		places[new[i].key()] = i + 1
	}
	for i := range old {
		var is *Entry
		if at := places[old[i].key()]; at > 0 {
			is = &new[at-1]
			delete(places, old[i].key())
		}
		all = addChange(all, &old[i], is)
	}
	for i := range new {
		if places[new[i].key()] > 0 {
			all = addChange(all, nil, &new[i])
		}
	}
	return all
}

// addChange adds nothing if nothing was changed.
func addChange(all []Change, old, new *Entry) []Change {
	if old != nil && new != nil && old.Text == new.Text {
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
	same := common(len(old), len(new), func(a, b int) bool { return old[a].plain == new[b].plain })
	for _, pair := range append(same, [2]int{len(old), len(new)}) {
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

// mostCells bounds the memory for comparing lists.
const mostCells = 4 << 20

// common is a longest common subsequence of two lists, as pairs of indices. Of
// very long lists that differ in their middle only the ends are compared.
func common(n, m int, equal func(a, b int) bool) (pairs [][2]int) {
	start := 0
	for start < n && start < m && equal(start, start) {
		pairs = append(pairs, [2]int{start, start})
		start++
	}
	end := 0
	for end < n-start && end < m-start && equal(n-1-end, m-1-end) {
		end++
	}
	pairs = append(pairs, middle(start, n-end, m-end, equal)...)
	for ; end > 0; end-- {
		pairs = append(pairs, [2]int{n - end, m - end})
	}
	return pairs
}

// middle is common for what lies between start and the two ends.
func middle(start, n, m int, equal func(a, b int) bool) (pairs [][2]int) {
	rows, columns := n-start, m-start
	if rows == 0 || columns == 0 || rows > mostCells/columns {
		return nil
	}
	longest := make([][]int32, rows+1)
	for i := range longest {
		longest[i] = make([]int32, columns+1)
	}
	for i := rows - 1; i >= 0; i-- {
		for j := columns - 1; j >= 0; j-- {
			if equal(start+i, start+j) {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < rows && j < columns; {
		switch {
		case equal(start+i, start+j):
			pairs = append(pairs, [2]int{start + i, start + j})
			i, j = i+1, j+1
		case longest[i+1][j] >= longest[i][j+1]:
			i++
		default:
			j++
		}
	}
	return pairs
}
