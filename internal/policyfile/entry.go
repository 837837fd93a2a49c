package policyfile

import (
	"bytes"
	"strings"

	"github.com/tailscale/hujson"
)

// An Entry is one element of a section: a rule of a list, a member of an object.
type Entry struct {
	Name string   `json:"name,omitempty"` // of a member
	Text string   `json:"text"`           // HuJSON, with the comments that belong to it
	At   Position `json:"at"`

	plain   string // without comments
	content string // with comments and without layout: equal if nothing but line breaks and blanks differs

	around [2]string    // what stands before the value and behind it
	value  hujson.Value // the value alone
}

// entries are those of a section, and the comments that belong to none of them.
func (f *File) entries(v *hujson.Value) (all []Entry, rest string) {
	switch c := v.Value.(type) {
	case *hujson.Array:
		extras := make([]*hujson.Value, len(c.Elements))
		for i := range c.Elements {
			extras[i] = &c.Elements[i]
		}
		lead, trail, rest := belong(extras, c.AfterExtra)
		for i, e := range extras {
			all = append(all, f.entry("", e, lead[i], trail[i]))
		}
		return all, rest
	case *hujson.Object:
		extras := make([]*hujson.Value, len(c.Members))
		for i := range c.Members {
			extras[i] = &c.Members[i].Name
		}
		lead, trail, rest := belong(extras, c.AfterExtra)
		for i, name := range extras {
			all = append(all, f.entry(nameOf(&c.Members[i]), &c.Members[i].Value, lead[i], trail[i]))
			all[i].At = f.position(name.StartOffset)
		}
		return all, rest
	}
	return []Entry{f.entry("", v, "", "")}, ""
}

// belong says which comments stand over a value, and which behind it on its
// line. To hujson both are what comes before a value.
func belong(values []*hujson.Value, after hujson.Extra) (lead, trail []string, rest string) {
	lead, trail = make([]string, len(values)), make([]string, len(values))
	split := func(i int, e hujson.Extra) string {
		behind, over, more := bytes.Cut(e, []byte("\n"))
		if i == 0 || !more {
			return comment(e)
		}
		if i > 0 {
			trail[i-1] = comment(behind)
		}
		return comment(over)
	}
	for i, v := range values {
		lead[i] = split(i, v.BeforeExtra)
	}
	return lead, trail, split(len(values), after)
}

// comment is an extra without what is around it.
func comment(e hujson.Extra) string {
	lines := strings.Split(strings.TrimSpace(string(e)), "\n")
	for i := range lines {
		lines[i] = strings.TrimSpace(lines[i])
	}
	return strings.TrimSpace(strings.Join(lines, "\n"))
}

func (f *File) entry(name string, v *hujson.Value, lead, trail string) Entry {
	e := Entry{Name: name, At: f.position(v.StartOffset), plain: plain(v)}
	between := ""
	if name != "" {
		between = comment(v.BeforeExtra)
	}
	behind := joinLines(comment(v.AfterExtra), trail)
	e.around = [2]string{joinLines(lead, between, prefix(name)), behind}
	e.value = *v
	e.Text = joinLines(lead, between, strings.TrimSpace(prefix(name)+alone(v)+", "+behind))
	e.content = contentOf(e.around[0], v, behind)
	return e
}

// exploded is the entry with a line for each value in it.
func (e *Entry) exploded() string {
	v := e.value.Clone()
	explode(&v)
	return strings.TrimSpace(e.around[0] + alone(&v) + ", " + e.around[1])
}

func prefix(name string) string {
	if name == "" {
		return ""
	}
	return quote(name) + ": "
}

// alone is a value without what is around it, formatted as a part of a file that
// has comments: so it has commas at the ends of lines.
func alone(v *hujson.Value) string {
	const mark = "//"
	c := v.Clone()
	c.BeforeExtra, c.AfterExtra = nil, hujson.Extra(mark+"\n")
	c.Format()
	return strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(c.String()), mark))
}
