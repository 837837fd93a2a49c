package policy

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailscale/hujson"
)

// A clue is what an error of the API says about the place in the file. Most errors
// name no line, but quote the word that is wrong.
type clue struct {
	quoted []string // must stand there, or a part of it: a host without its port
	bare   []string // may stand there: what looks like a selector, an address or a domain
	names  []string // of fields and sections around it, in lower case
	table  string   // section of which an entry is named
	entry  string
}

const (
	quotedForm lazy.Pattern = `"(?:[^"\\]|\\.)*"`
	tableForm  lazy.Pattern = `(\w+)\[("(?:[^"\\]|\\.)*")\]`
	nameForm   lazy.Pattern = `[A-Za-z]+`
)

// alsoCalled are the fields that a word of a refusal may be about.
var alsoCalled = map[string][]string{
	"src": {"users", "user"}, "dst": {"ports", "accept", "deny"}, "port": {"ip", "dst", "ports", "accept", "deny"},
	"user": {"users"}, "capability": {"app"},
}

func clueOf(message string) (c clue) {
	if m := tableForm.Regexp().FindStringSubmatch(message); m != nil {
		c.table, c.entry = m[1], unquoted(m[2])
	}
	for _, text := range quotedForm.Regexp().FindAllString(message, -1) {
		c.quoted = append(c.quoted, unquoted(text))
	}
	rest := quotedForm.Regexp().ReplaceAllString(message, " ")
	for _, word := range strings.FieldsFunc(rest, func(r rune) bool { return strings.ContainsRune(" \t\n()[]=,;'<>", r) }) {
		if word = strings.TrimRight(word, ".:"); strings.ContainsAny(word, ":./@") {
			c.bare = append(c.bare, word)
		}
	}
	for _, name := range nameForm.Regexp().FindAllString(rest, -1) {
		name = strings.ToLower(name)
		c.names = append(append(c.names, name), alsoCalled[name]...)
	}
	return c
}

func unquoted(text string) string {
	s, err := strconv.Unquote(text)
	if err != nil {
		return strings.Trim(text, `"`)
	}
	return s
}

// offset is where in a policy the clue leads; -1 if nowhere. What is quoted is
// looked for first; what is not must stand in one place only.
func (c clue) offset(root *hujson.Value) int {
	best, at, times := 0, -1, 0
	c.walk(root, nil, func(v *hujson.Value, path []string) {
		switch fit := c.fit(v, path); {
		case fit > best:
			best, at, times = fit, v.StartOffset, 1
		case fit == best:
			times++
		}
	})
	if best < asQuoted && times > 1 {
		return -1
	}
	return at
}

// walk calls f for each name and value, with the names around it.
func (c clue) walk(v *hujson.Value, path []string, f func(*hujson.Value, []string)) {
	switch composite := v.Value.(type) {
	case *hujson.Object:
		for i := range composite.Members {
			m := &composite.Members[i]
			f(&m.Name, path)
			c.walk(&m.Value, append(slices.Clip(path), textOf(&m.Name)), f)
		}
	case *hujson.Array:
		for i := range composite.Elements {
			c.walk(&composite.Elements[i], path, f)
		}
	default:
		f(v, path)
	}
}

// How well a text fits a clue. Those below asQuoted fit what is not quoted.
const (
	asPart     = 2
	asWord     = 4
	asQuoted   = 10
	asEnd      = asQuoted
	asStart    = 15
	asWhole    = 20
	inItsField = 1
	inItsEntry = 100
)

// fit is how well what stands somewhere fits the clue; 0 if it does not.
func (c clue) fit(v *hujson.Value, path []string) (fit int) {
	text, ok := v.Value.(hujson.Literal)
	if !ok || text.Kind() != '"' {
		return 0
	}
	for _, word := range c.quoted {
		fit = max(fit, fitOf(text.String(), word, asWhole, asStart, asEnd))
	}
	for _, word := range c.bare {
		fit = max(fit, fitOf(text.String(), word, asWord, 0, asPart))
	}
	if fit == 0 {
		return 0
	}
	if n := len(path); n > 0 && slices.ContainsFunc(c.names, func(s string) bool { return strings.EqualFold(s, path[n-1]) }) {
		fit += inItsField
	}
	if len(path) > 1 && strings.EqualFold(path[0], c.table) && path[1] == c.entry {
		fit += inItsEntry
	}
	return fit
}

// fitOf compares a text of the file with a word of the API's: it may be all of
// it, or what stands in front of a port, or behind a protocol or an @.
func fitOf(text, word string, whole, start, end int) int {
	switch {
	case text == word:
		return whole
	case word == "":
		return 0
	case strings.HasPrefix(text, word+":"):
		return start
	case strings.HasSuffix(text, ":"+word), strings.HasSuffix(text, "@"+word):
		return end
	}
	return 0
}
