package policyfile

import (
	"fmt"
	"strings"
)

// DiffText writes changes as a unified diff, with a header for each: its section,
// and where it stands in the file that has it last.
func DiffText(changes []Change) string {
	var b strings.Builder
	for _, c := range changes {
		at := c.At()
		fmt.Fprintf(&b, "@@ %s %s:%d @@\n", c.Section, at.File, at.Line)
		writeLines(&b, c.Old.lines(), c.New.lines())
	}
	return b.String()
}

// At is where the entry stands now, or stood.
func (c Change) At() Position {
	if c.New != nil {
		return c.New.At
	}
	return c.Old.At
}

func (e *Entry) lines() []string {
	if e == nil {
		return nil
	}
	return strings.Split(e.Text, "\n")
}

// writeLines writes lines with the sign that says which side has them.
func writeLines(b *strings.Builder, old, new []string) {
	i, j := 0, 0
	for _, pair := range append(common(len(old), len(new), func(a, b int) bool { return old[a] == new[b] }), [2]int{len(old), len(new)}) {
		for ; i < pair[0]; i++ {
			b.WriteString("-" + old[i] + "\n")
		}
		for ; j < pair[1]; j++ {
			b.WriteString("+" + new[j] + "\n")
		}
		if i < len(old) {
			b.WriteString(" " + old[i] + "\n")
			i, j = i+1, j+1
		}
	}
}
