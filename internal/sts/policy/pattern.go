package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// LongestAudience is how many bytes an audience may have.
const LongestAudience = 512

// A Pattern is an audience in which a * stands for letters, digits, -, _ and .
// of ASCII: it never stands for what has a meaning in a URL, or a verifier that
// parses its audience could find another host in it than the pattern names. It
// has to match the whole of an audience.
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
	case !utf8.ValidString(text):
		return Pattern{}, fmt.Errorf("the audience %q is not UTF-8", text)
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
		if !ok || !isPlain(skipped) {
			return false
		}
		rest = behind
	}
	skipped, ok := strings.CutSuffix(rest, p.parts[last])
	return ok && isPlain(skipped) && hasLabels(hostOf(audience)) && !climbs(audience)
}

// isPlain holds for what a * stands for.
func isPlain(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// hostOf returns the part of an audience that is a host if it is a URL, or a
// name if it is not.
func hostOf(audience string) string {
	if before, behind, ok := strings.Cut(audience, "//"); ok && (before == "" || strings.HasSuffix(before, ":")) {
		audience = behind
	}
	host, _, _ := strings.Cut(audience, "/")
	return host
}

// hasLabels holds if no label of a host is empty: a.example.com, and not
// .example.com or example.com. with a dot at its end.
func hasLabels(host string) bool {
	return !slices.Contains(strings.Split(host, "."), "")
}

// climbs holds for a path that names another one: URLs are compared without
// . and .. (RFC 3986, section 5.2.4).
func climbs(audience string) bool {
	segments := strings.Split(audience, "/")
	return slices.Contains(segments, ".") || slices.Contains(segments, "..")
}
