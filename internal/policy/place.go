package policy

import (
	"bytes"
	"slices"
	"strconv"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailscale/hujson"
)

// lineAndColumn is how the API names a place of what it was sent.
const lineAndColumn lazy.Pattern = `line ([0-9]+), column ([0-9]+): ([^\n]*)`

// inMessage are the places that an answer names, in the files that they come
// from.
func (p Plan) inMessage(message string) (places []diag.Place) {
	for _, m := range lineAndColumn.Regexp().FindAllStringSubmatch(message, -1) {
		line, _ := strconv.Atoi(m[1])
		column, _ := strconv.Atoi(m[2])
		places = append(places, place(p.File.Locate(line, column), m[3]))
	}
	return places
}

// about is the place of what the API says of a user, which may be any selector:
// the address in a test that failed, the test, or where the selector stands
// first. The API names no line there.
func (p Plan) about(user, text string) diag.Place {
	text = strings.TrimSpace(text)
	s := search{text: p.File.Text(), user: user, said: text}
	s.run()
	line, column := s.lineAndColumn()
	if user != "" {
		text = user + ": " + text
	}
	return place(p.File.Locate(line, column), text)
}

// A search looks through a policy for what an error is about.
type search struct {
	text       []byte
	user, said string

	best, at int // how well what was found fits, and its offset; zero is nothing
}

func (s *search) run() {
	root, err := hujson.Parse(s.text)
	if err != nil { // it was read before
		return
	}
	quoted := quotes(s.said)
	for v := range root.All() {
		if text, ok := textOf(*v); ok && text == s.user {
			s.take(1, *v)
		} else if ok && slices.Contains(quoted, text) {
			s.take(2, *v)
		}
	}
	for _, section := range []string{"tests", "sshTests"} {
		for _, test := range elements(member(root, section)) {
			s.test(test, quoted)
		}
	}
}

// test looks at one test: the fit is better if it is of the user's, better yet
// if it has what the error quotes, best in the list that it speaks of.
func (s *search) test(test hujson.Value, quoted []string) {
	fit := 0
	for _, name := range []string{"src", "user"} {
		if text, ok := textOf(member(test, name)); ok && text == s.user {
			fit = 4
			s.take(3, test)
		}
	}
	for list, wanted := range map[string]string{"accept": "want: Accept", "allow": "want: Accept", "deny": "want: Drop", "check": "want: Check"} {
		for _, e := range elements(member(test, list)) {
			text, _ := textOf(e)
			if !slices.Contains(quoted, text) {
				continue
			}
			if strings.Contains(s.said, wanted) {
				s.take(fit+4, e)
			} else {
				s.take(fit+3, e)
			}
		}
	}
}

// take keeps the first of what fits best.
func (s *search) take(fit int, v hujson.Value) {
	if fit > s.best || fit == s.best && v.StartOffset < s.at {
		s.best, s.at = fit, v.StartOffset
	}
}

func (s *search) lineAndColumn() (line, column int) {
	before := s.text[:s.at]
	return bytes.Count(before, []byte("\n")) + 1, s.at - bytes.LastIndexByte(before, '\n')
}

// quotes are the parts of a text in double quotes.
func quotes(text string) (parts []string) {
	for i, part := range strings.Split(text, `"`) {
		if i%2 == 1 {
			parts = append(parts, part)
		}
	}
	return parts
}

func textOf(v hujson.Value) (string, bool) {
	literal, ok := v.Value.(hujson.Literal)
	if !ok || literal.Kind() != '"' {
		return "", false
	}
	return literal.String(), true
}

// member is the value with a name, in upper or lower case; nothing if v has
// none.
func member(v hujson.Value, name string) hujson.Value {
	if object, ok := v.Value.(*hujson.Object); ok {
		for _, m := range object.Members {
			if text, _ := textOf(m.Name); strings.EqualFold(text, name) {
				return m.Value
			}
		}
	}
	return hujson.Value{}
}

func elements(v hujson.Value) []hujson.Value {
	if array, ok := v.Value.(*hujson.Array); ok {
		return array.Elements
	}
	return nil
}
