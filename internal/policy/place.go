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
// from: by line and column, or else by what it quotes.
func (p *Plan) inMessage(message string) (places []diag.Place) {
	for _, m := range lineAndColumn.Regexp().FindAllStringSubmatch(message, -1) {
		line, _ := strconv.Atoi(m[1])
		column, _ := strconv.Atoi(m[2])
		places = append(places, place(p.File.Locate(line, column), m[3]))
	}
	if at := p.quotedIn(message); places == nil && at >= 0 {
		places = []diag.Place{p.at(at, message)}
	}
	return places
}

// quotedIn is the offset of what a message is about; -1 if it does not say.
func (p *Plan) quotedIn(message string) int {
	root, err := hujson.Parse(p.File.Text())
	if err != nil { // it was read before
		return -1
	}
	return clueOf(message).offset(&root)
}

// at is the place in the files of an offset in their joined text.
func (p *Plan) at(at int, text string) diag.Place {
	before := p.File.Text()[:at]
	return place(p.File.Locate(bytes.Count(before, []byte("\n"))+1, at-bytes.LastIndexByte(before, '\n')), text)
}

// placelessError is an error whose text names no line of what was sent: its places in
// the files are said beside it.
type placelessError struct{ error }

func (e placelessError) Error() string {
	return lineAndColumn.Regexp().ReplaceAllString(e.error.Error(), "$3")
}

func (e placelessError) Unwrap() error { return e.error }

// about is the place of what the API says of a user, which may be any selector:
// where what it names stands first. Of a test it is the address that failed, or
// the test. The API names no line there. If nothing fits, it is the whole file.
func (p *Plan) about(user, text string, isTest bool) diag.Place {
	said := strings.TrimSpace(text)
	at := -1
	if root, err := hujson.Parse(p.File.Text()); err == nil { // it was read before
		if isTest {
			at = find(&root, user, said)
		}
		if c := clueOf(said); at < 0 {
			c.quoted = append(c.quoted, user)
			at = c.offset(&root)
		}
	}
	if user != "" {
		said = user + ": " + said
	}
	if at < 0 {
		return diag.Place{File: p.Path, Text: said}
	}
	return p.at(at, said)
}

// find is the offset of what an error of a test is about, -1 if nothing fits.
func find(root *hujson.Value, user, said string) (at int) {
	quoted := strings.Split(said, `"`)
	best, at := 0, -1
	take := func(fit int, v *hujson.Value) {
		if fit > best {
			best, at = fit, v.StartOffset
		}
	}
	isQuoted := func(v *hujson.Value) bool { i := slices.Index(quoted, textOf(v)); return i > 0 && i%2 == 1 }
	for v := range root.All() {
		if user != "" && textOf(v) == user || isQuoted(v) {
			take(1, v)
		}
		object, ok := v.Value.(*hujson.Object)
		if !ok || textOf(member(object, "src"))+textOf(member(object, "user")) != user {
			continue
		}
		take(2, v)
		for i := range object.Members {
			fit := 3
			if isDeny := textOf(&object.Members[i].Name) == "deny"; isDeny == strings.Contains(said, "want: Drop") {
				fit = 4
			}
			for e := range object.Members[i].Value.All() {
				if isQuoted(e) {
					take(fit, e)
				}
			}
		}
	}
	return at
}

func textOf(v *hujson.Value) string {
	if literal, ok := v.Value.(hujson.Literal); ok && literal.Kind() == '"' {
		return literal.String()
	}
	return ""
}

// member is the value with a name; nothing if there is none.
func member(o *hujson.Object, name string) *hujson.Value {
	for i := range o.Members {
		if textOf(&o.Members[i].Name) == name {
			return &o.Members[i].Value
		}
	}
	return new(hujson.Value)
}
