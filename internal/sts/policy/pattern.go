package policy

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// LongestAudience is how many bytes an audience may have.
const LongestAudience = 512

// A Pattern is an audience in which a * stands for any characters but a /. It
// has to match the whole of one.
type Pattern struct {
	text  string
	parts []string // between the stars
}

// ParsePattern reads a pattern. One without a * matches itself alone.
func ParsePattern(text string) (Pattern, error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return Pattern{}, errors.New("an audience is empty")
	case len(text) > LongestAudience:
		return Pattern{}, fmt.Errorf("an audience has %d bytes, and %d are the most", len(text), LongestAudience)
	case strings.ContainsFunc(text, unicode.IsControl):
		return Pattern{}, fmt.Errorf("the audience %q has a control character", text)
	}
	return Pattern{text, strings.Split(text, "*")}, nil
}

// exactly is a pattern that has no wildcards, whatever stands in it.
func exactly(p Pattern) Pattern { return Pattern{p.text, []string{p.text}} }

func (p Pattern) String() string { return p.text }

// Match reports whether the pattern stands for this audience.
func (p Pattern) Match(audience string) bool {
	rest, ok := strings.CutPrefix(audience, p.parts[0])
	if len(p.parts) == 1 || !ok {
		return ok && rest == ""
	}
	last := len(p.parts) - 1
	for _, part := range p.parts[1:last] { // the first place that fits leaves the most for those behind it
		skipped, behind, ok := strings.Cut(rest, part)
		if !ok || strings.Contains(skipped, "/") {
			return false
		}
		rest = behind
	}
	skipped, ok := strings.CutSuffix(rest, p.parts[last])
	return ok && !strings.Contains(skipped, "/")
}
