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
func (p *Plan) inMessage(message string) (places []diag.Place) {
	for _, m := range lineAndColumn.Regexp().FindAllStringSubmatch(message, -1) {
		line, _ := strconv.Atoi(m[1])
		column, _ := strconv.Atoi(m[2])
		places = append(places, place(p.File.Locate(line, column), m[3]))
	}
	return places
}

// about is the place of what the API says of a user, which may be any selector:
// the address in a test that failed, the test, or where what it names stands
// first. The API names no line there.
func (p *Plan) about(user, text string) diag.Place {
	whole, said := p.File.Text(), strings.TrimSpace(text)
	at := 0
	if root, err := hujson.Parse(whole); err == nil { // it was read before
		at = find(&root, user, said)
	}
	if user != "" {
		said = user + ": " + said
	}
	before := whole[:at]
	return place(p.File.Locate(bytes.Count(before, []byte("\n"))+1, at-bytes.LastIndexByte(before, '\n')), said)
}

// find is the offset of what an error is about, zero if nothing fits.
func find(root *hujson.Value, user, said string) (at int) {
	quoted := strings.Split(said, `"`)
	best := 0
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
