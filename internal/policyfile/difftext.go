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
		writeLines(&b, c.merged())
	}
	return b.String()
}

// mostOwn is how many lines may change before the layout is looked at.
const mostOwn = 8

// merged are the lines of both sides with their signs. If one side has another
// layout, so that nearly all lines differ, both get one that shows what changes.
func (c Change) merged() []string {
	own := merged(c.Old.lines(), c.New.lines())
	if c.Old == nil || c.New == nil || c.Old.value.Value == nil || c.New.value.Value == nil || differing(own) <= mostOwn {
		return own
	}
	alike := merged(strings.Split(c.Old.exploded(), "\n"), strings.Split(c.New.exploded(), "\n"))
	if 2*differing(alike) < differing(own) {
		return alike
	}
	return own
}

// differing counts the lines that one side alone has.
func differing(lines []string) (n int) {
	for _, line := range lines {
		if line[0] != ' ' {
			n++
		}
	}
	return n
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
func writeLines(b *strings.Builder, all []string) {
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
