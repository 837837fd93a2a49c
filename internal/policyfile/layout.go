package policyfile

import (
	"bytes"
	"strings"

	"github.com/tailscale/hujson"
)

// SameButLayout reports whether two policies differ at most in line breaks and
// blanks. Sections, names and rules are in the same order, with the same comments.
func SameButLayout(a, b *File) bool {
	return contentOf("", &a.root, "") == contentOf("", &b.root, "") && a.around().content == b.around().content
}

// contentOf returns a value with its comments and without its layout. It only
// keeps whether a comment follows a value on the same line.
func contentOf(before string, v *hujson.Value, behind string) string {
	var b strings.Builder
	b.WriteString(before)
	writeContent(&b, v)
	b.WriteString("\x00" + behind)
	return b.String()
}

func writeContent(b *strings.Builder, v *hujson.Value) {
	switch c := v.Value.(type) {
	case *hujson.Object:
		b.WriteByte('{')
		for i := range c.Members {
			m := &c.Members[i]
			writeComments(b, m.Name.BeforeExtra)
			b.WriteString(m.Name.Value.(hujson.Literal).String())
			writeComments(b, m.Name.AfterExtra)
			writeComments(b, m.Value.BeforeExtra)
			b.WriteByte(':')
			writeContent(b, &m.Value)
			writeComments(b, m.Value.AfterExtra)
		}
		writeComments(b, c.AfterExtra)
		b.WriteByte('}')
	case *hujson.Array:
		b.WriteByte('[')
		for i := range c.Elements {
			writeComments(b, c.Elements[i].BeforeExtra)
			writeContent(b, &c.Elements[i])
			writeComments(b, c.Elements[i].AfterExtra)
			b.WriteByte(',')
		}
		writeComments(b, c.AfterExtra)
		b.WriteByte(']')
	case hujson.Literal:
		b.Write(c)
	}
}

func writeComments(b *strings.Builder, e hujson.Extra) {
	if len(bytes.TrimSpace(e)) == 0 {
		return
	}
	behind, over, _ := bytes.Cut(e, lf)
	b.WriteString("\x00" + comment(behind) + "\x00" + comment(over) + "\x00")
}

// explode puts each value in v on a line of its own.
func explode(v *hujson.Value) {
	line := func(e *hujson.Extra) {
		if !newLine(*e) {
			*e = append(hujson.Extra("\n"), *e...)
		}
	}
	all := members(v)
	for i := range all {
		line(&all[i].Name.BeforeExtra)
		explode(&all[i].Value)
	}
	list := elements(v)
	for i := range list {
		line(&list[i].BeforeExtra)
		explode(&list[i])
	}
}
