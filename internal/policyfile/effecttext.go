package policyfile

import (
	"fmt"
	"strings"
)

// Text is the effects for people, a line each.
func (e Effects) Text() string {
	var b strings.Builder
	if e.GaveUp != "" {
		fmt.Fprintf(&b, "not computed  who gains and who loses: %s. The change may give or take any access\n", e.GaveUp)
	}
	for _, l := range e.Loses {
		fmt.Fprintf(&b, "loses  %v\n", l)
	}
	for _, l := range e.Gains {
		fmt.Fprintf(&b, "gains  %v\n", l)
	}
	for _, n := range e.NotComputed {
		fmt.Fprintf(&b, "not computed  %v\n", n)
	}
	return b.String()
}

func (l Line) String() string {
	text := fmt.Sprintf("%s → %s: %s", some(l.Who, l.WhoExcept), some(l.To, l.ToExcept), listed(l.Ports))
	if len(l.Uncertain) > 0 {
		text += " (uncertain: " + strings.Join(l.Uncertain, "; ") + ")"
	}
	return text
}

func (n Note) String() string {
	if n.Gone {
		return fmt.Sprintf("%s (gone; it was at %v)", n.Reason, n.At)
	}
	return fmt.Sprintf("%s (%v)", n.Reason, n.At)
}

func some(names, except []string) string {
	if len(except) == 0 {
		return listed(names)
	}
	return listed(names) + " (except " + listed(except) + ")"
}

// mostListed is how many names a line shows; the structure has them all.
const mostListed = 12

func listed(names []string) string {
	if more := len(names) - mostListed; more > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:mostListed], ", "), more)
	}
	return strings.Join(names, ", ")
}
