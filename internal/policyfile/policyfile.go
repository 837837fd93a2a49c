// Package policyfile knows tailnet policy files: how they are read and joined,
// what changes from one to the next, and who gains or loses what by that.
//
// It looks at text only, never at a tailnet: what a change means is said of the
// names that the files use. What cannot be known from them is listed as such.
package policyfile

import (
	"bytes"
	"fmt"
	"sort"

	"github.com/tailscale/hujson"
)

// A Source is one file of a policy.
type Source struct {
	Name string // as people call it
	Text []byte // HuJSON: JSON with comments and trailing commas
	Ends LineEnds
}

// A Position is a place in a file. Both numbers start at 1, and the column
// counts bytes.
type Position struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// An Error says why a text is no policy file.
type Error struct {
	At      Position
	Problem string
	Also    Position // where the other of two things stands that do not fit; may be zero
}

func (e *Error) Error() string {
	if e.Also != (Position{}) {
		return fmt.Sprintf("%v: %s; the other is at %v", e.At, e.Problem, e.Also)
	}
	return fmt.Sprintf("%v: %s", e.At, e.Problem)
}

// A File is a policy file that could be read, of one source or several. Parse
// makes one.
type File struct {
	sources []Source
	lines   []lines // of each source
	text    []byte
	root    hujson.Value // its offsets are those of text
	marks   []mark       // by ascending offset
}

// A mark is a place in the text, and where that came from.
type mark struct {
	at   int
	from int // among all sources, one after another
	same int // how many bytes after it are the same there
}

// Text is the policy as one HuJSON file, formatted, with all comments.
func (f *File) Text() []byte { return bytes.Clone(f.text) }

// JSON is the policy as standard JSON. Everything in it stands where it stands
// in Text.
func (f *File) JSON() []byte {
	text, _ := hujson.Standardize(f.Text()) // which is HuJSON
	return text
}

// ETag is that of the policy, as function ETag says.
func (f *File) ETag() string { return ETag(f.text) }

// Locate finds where something in Text or JSON comes from: what stands there,
// or before it. A place that does not exist is taken for the nearest.
func (f *File) Locate(line, column int) Position {
	if len(f.sources) == 1 && bytes.Equal(f.text, f.sources[0].Text) {
		return f.origin(offset(f.text, line, column))
	}
	return f.position(offset(f.text, line, column))
}

// position is where an offset of the text comes from.
func (f *File) position(at int) Position {
	i := sort.Search(len(f.marks), func(i int) bool { return f.marks[i].at > at })
	m := f.marks[max(i-1, 0)]
	return f.origin(m.from + min(max(at-m.at, 0), m.same))
}

// origin is the place with an offset among all sources.
func (f *File) origin(at int) Position {
	last := len(f.sources) - 1
	for i, s := range f.sources[:last] {
		if at <= len(s.Text) {
			return f.lines[i].position(s, at)
		}
		at -= len(s.Text) + 1
	}
	return f.lines[last].position(f.sources[last], at)
}

func (s Source) position(at int) Position { return linesOf(s.Text).position(s, at) }

// lines are the offsets at which the lines of a text begin.
type lines []int

func linesOf(text []byte) lines {
	all := lines{0}
	for i, c := range text {
		if c == '\n' {
			all = append(all, i+1)
		}
	}
	return all
}

func (l lines) position(s Source, at int) Position {
	at = min(at, len(s.Text))
	line := sort.SearchInts(l, at+1)
	return Position{File: s.Name, Line: line, Column: at - l[line-1] + 1}
}

// offset is the inverse of Source.position.
func offset(text []byte, line, column int) int {
	at := 0
	for ; line > 1; line-- {
		n := bytes.IndexByte(text[at:], '\n')
		if n < 0 {
			return len(text)
		}
		at += n + 1
	}
	end := len(text)
	if n := bytes.IndexByte(text[at:], '\n'); n >= 0 {
		end = at + n
	}
	return min(at+max(column-1, 0), end)
}

// settle formats what was joined and remembers where it came from: until now
// all offsets are those among all sources.
func (f *File) settle(root hujson.Value) {
	var from []int // start and end of each value
	walk(&root, func(v *hujson.Value) { from = append(from, v.StartOffset, v.EndOffset) })
	root.Format()
	walk(&root, func(v *hujson.Value) {
		start, end, same := from[0], from[1], 0
		from = from[2:]
		if _, literal := v.Value.(hujson.Literal); literal && v.EndOffset-v.StartOffset == end-start {
			same = end - start
		}
		f.marks = append(f.marks, mark{v.StartOffset, start, same}, mark{v.EndOffset, end, 0})
	})
	sort.SliceStable(f.marks, func(i, j int) bool { return f.marks[i].at < f.marks[j].at })
	f.root, f.text = root, root.Pack()
}
