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

// contextLines is how many lines that did not change are shown before and after those
// that did.
const contextLines = 3

// writeLines writes lines with the sign that says which side has them. Of a long
// entry it leaves out lines that did not change and are far from those that did,
// but for the first.
func writeLines(b *strings.Builder, old, new []string) {
	all := merged(old, new)
	shown := make([]bool, len(all))
	shown[0] = true
	for i, line := range all {
		if line[0] == ' ' {
			continue
		}
		for near := max(i-contextLines, 0); near < min(i+contextLines+1, len(all)); near++ {
			shown[near] = true
		}
	}
	for i := 0; i < len(all); {
		end := i
		for end < len(all) && !shown[end] {
			end++
		}
		if end-i > 1 {
			fmt.Fprintf(b, "@@ %d lines do not change @@\n", end-i)
			i = end
			continue
		}
		b.WriteString(all[i] + "\n")
		i++
	}
}

// merged are the lines of both sides with their signs.
func merged(old, new []string) (all []string) {
	i, j := 0, 0
	for _, pair := range append(common(old, new), [2]int{len(old), len(new)}) {
		for ; i < pair[0]; i++ {
			all = append(all, "-"+old[i])
		}
		for ; j < pair[1]; j++ {
			all = append(all, "+"+new[j])
		}
		if i < len(old) {
			all = append(all, " "+old[i])
			i, j = i+1, j+1
		}
	}
	return all
}
