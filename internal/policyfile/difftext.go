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

func writeLines(b *strings.Builder, old, new []string) {
	i, j := 0, 0
	write := func(sign byte, line string) {
		b.WriteByte(sign)
		b.WriteString(line)
		b.WriteByte('\n')
	}
	flush := func(oldEnd, newEnd int) {
		for ; i < oldEnd; i++ {
			write('-', old[i])
		}
		for ; j < newEnd; j++ {
			write('+', new[j])
		}
	}
	for _, pair := range common(len(old), len(new), func(a, b int) bool { return old[a] == new[b] }) {
		flush(pair[0], pair[1])
		write(' ', old[i])
		i, j = i+1, j+1
	}
	flush(len(old), len(new))
}
