package spec

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailscale/hujson"
)

// at adds where in the document a problem is.
func (d document) at(p *diag.Problem, pointer jsontext.Pointer) *diag.Problem {
	facts := []diag.Fact{}
	if field := pathOf(pointer); field != "" {
		facts = append(facts, diag.Fact{Name: "field", Value: field})
	}
	if root, err := hujson.Parse(d.raw); err == nil {
		facts = append(facts, diag.Fact{Name: "at", Value: d.lineAndColumn(offset(root, pointer))})
	}
	p.Facts = append(facts, p.Facts...)
	return p
}

func (d document) lineAndColumn(offset int) string {
	before := d.raw[:min(offset, len(d.raw))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len([]rune(string(before[bytes.LastIndexByte(before, '\n')+1:]))) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}

// pathOf is a pointer as people write it: specs.corp.tags.0.
func pathOf(pointer jsontext.Pointer) string {
	var tokens []string
	for token := range pointer.Tokens() {
		tokens = append(tokens, token)
	}
	return strings.Join(tokens, ".")
}

// offset is where a member's name stands, or an element; the last one, if a
// name is there twice.
func offset(v hujson.Value, pointer jsontext.Pointer) int {
	at := v.StartOffset
	for token := range pointer.Tokens() {
		next, start, ok := child(v, token)
		if !ok {
			break
		}
		v, at = next, start
	}
	return at
}

func child(v hujson.Value, token string) (next hujson.Value, start int, ok bool) {
	switch composite := v.Value.(type) {
	case *hujson.Object:
		for _, m := range composite.Members {
			if name, _ := m.Name.Value.(hujson.Literal); name.String() == token {
				next, start, ok = m.Value, m.Name.StartOffset, true
			}
		}
	case *hujson.Array:
		for i, e := range composite.Elements {
			if fmt.Sprint(i) == token {
				next, start, ok = e, e.StartOffset, true
			}
		}
	}
	return next, start, ok
}

// isSecret names the field in which something at an offset stands, and does
// not show it.
func (d document) isSecret(at int) error {
	p := looksSecret(d.where)
	if root, err := hujson.Parse(d.raw); err == nil {
		if field := pathOf(fieldAround(root, "", at)); field != "" {
			p.Facts = append(p.Facts, diag.Fact{Name: "field", Value: field})
		}
	}
	p.Facts = append(p.Facts, diag.Fact{Name: "at", Value: d.lineAndColumn(at)})
	return p
}

func looksSecret(where string) *diag.Problem {
	return &diag.Problem{
		Code: "spec-holds-secret", Input: true,
		Summary: "a spec never holds a secret, and this looks like one: " + where,
		Hint: "take it out and revoke it: who could read the spec could read it. A spec needs only the client ID of a trust\n" +
			"credential, which is no secret: https://login.tailscale.com/admin/settings/trust-credentials",
	}
}

// fieldAround is the innermost field that covers an offset, but for a name that
// may itself be what is not to be shown.
func fieldAround(v hujson.Value, here jsontext.Pointer, at int) jsontext.Pointer {
	switch composite := v.Value.(type) {
	case *hujson.Object:
		for _, m := range composite.Members {
			name, _ := m.Name.Value.(hujson.Literal)
			if m.Name.EndOffset <= at && at < m.Value.EndOffset {
				return fieldAround(m.Value, here.AppendToken(name.String()), at)
			}
		}
	case *hujson.Array:
		for i, e := range composite.Elements {
			if e.StartOffset <= at && at < e.EndOffset {
				return fieldAround(e, here.AppendToken(fmt.Sprint(i)), at)
			}
		}
	}
	return here
}
