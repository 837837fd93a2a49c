package localtailnet

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/tailscale/hujson"
)

// A word is a string of a policy file, and where it stands.
type word struct {
	text string
	at   int // byte offset
}

// A policyReader takes a policy file apart. It keeps the first thing that is
// wrong, so that callers need not ask after each step.
type policyReader struct {
	text []byte
	err  error
}

// refuse records an error in the rules. Like Tailscale's errors, it names no line.
func (r *policyReader) refuse(format string, args ...any) {
	if r.err == nil {
		r.err = badPolicy(fmt.Sprintf(format, args...))
	}
}

// refuseAt records an error in the structure of the file. Its text begins with the
// line and column, like a syntax error.
func (r *policyReader) refuseAt(at int, format string, args ...any) {
	if r.err != nil {
		return
	}
	before := r.text[:at]
	line, column := 1+bytes.Count(before, []byte("\n")), at-bytes.LastIndexByte(before, '\n')
	r.err = badPolicy(fmt.Sprintf("line %d, column %d: %s", line, column, fmt.Sprintf(format, args...)))
}

// parse reads HuJSON.
func (r *policyReader) parse() hujson.Value {
	v, err := hujson.Parse(r.text)
	if err != nil {
		r.err = badPolicy(strings.TrimPrefix(err.Error(), "hujson: "))
	}
	return v
}

// fields are what an object may have, by name in lower case: case does not
// count in a policy file.
type fields map[string]func(hujson.Value)

// object reads an object that has these fields and no others.
func (r *policyReader) object(v hujson.Value, known fields) {
	r.members(v, strings.ToLower, func(name word, v hujson.Value) {
		read, ok := known[strings.ToLower(name.text)]
		if !ok {
			r.refuseAt(name.at, "unknown field %q", name.text)
			return
		}
		read(v)
	})
}

// members reads an object whose names are free. Two are the same if fold makes
// them so.
func (r *policyReader) members(v hujson.Value, fold func(string) string, each func(name word, v hujson.Value)) {
	o, ok := v.Value.(*hujson.Object)
	if !ok {
		r.expect(v, "an object")
		return
	}
	seen := map[string]bool{}
	for _, m := range o.Members {
		name := word{m.Name.Value.(hujson.Literal).String(), m.Name.StartOffset}
		if seen[fold(name.text)] {
			r.refuseAt(name.at, "duplicate object member name %q", name.text)
		}
		seen[fold(name.text)] = true
		each(name, m.Value)
	}
}

func asWritten(s string) string { return s }

// list reads an array.
func (r *policyReader) list(v hujson.Value, each func(hujson.Value)) {
	a, ok := v.Value.(*hujson.Array)
	if !ok {
		r.expect(v, "an array")
		return
	}
	for _, v := range a.Elements {
		each(v)
	}
}

// expect refuses anything but null, which stands for a value that is absent.
func (r *policyReader) expect(v hujson.Value, what string) {
	if v.Value.Kind() != 'n' {
		r.refuseAt(v.StartOffset, "expected %s", what)
	}
}

func (r *policyReader) string(v hujson.Value) word {
	l, ok := v.Value.(hujson.Literal)
	if !ok || l.Kind() != '"' {
		r.expect(v, "a string")
		return word{at: v.StartOffset}
	}
	return word{l.String(), v.StartOffset}
}

func (r *policyReader) strings(v hujson.Value) (words []word) {
	r.list(v, func(v hujson.Value) { words = append(words, r.string(v)) })
	return words
}

// The next make readers for fields.

func (r *policyReader) each(read func(hujson.Value)) func(hujson.Value) {
	return func(v hujson.Value) { r.list(v, read) }
}

func (r *policyReader) word(to *word) func(hujson.Value) {
	return func(v hujson.Value) { *to = r.string(v) }
}

func (r *policyReader) words(to *[]word) func(hujson.Value) {
	return func(v hujson.Value) { *to = append(*to, r.strings(v)...) }
}

// anything takes what means nothing here.
func (r *policyReader) anything(hujson.Value) {}

// table reads an object of lists, such as groups.
func (r *policyReader) table(to *[]entry) func(hujson.Value) {
	return func(v hujson.Value) {
		r.members(v, asWritten, func(name word, v hujson.Value) {
			*to = append(*to, entry{name, r.strings(v)})
		})
	}
}

// An entry is a name and what it stands for.
type entry struct {
	word
	of []word
}

// find returns what stands for a name, nil if the name is not defined.
func find(table []entry, name string) *entry {
	for i := range table {
		if table[i].text == name {
			return &table[i]
		}
	}
	return nil
}
