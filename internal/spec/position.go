package spec

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/nesting"
	"github.com/tailscale/hujson"
)

// at adds where in the document a problem is.
func (d document) at(p *diag.Problem, where path) *diag.Problem {
	facts := []diag.Fact{}
	if field := where.String(); field != "" {
		facts = append(facts, diag.Fact{Name: "field", Value: field})
	}
	if root, err := d.parse(); err == nil {
		facts = append(facts, diag.Fact{Name: "at", Value: d.lineAndColumn(offset(root, where))})
	}
	p.Facts = append(facts, p.Facts...)
	return p
}

// deepest is how far objects and lists may be inside each other: a spec needs
// six, and a parser that calls itself for each level ends with the stack.
const deepest = 50

var errDeep = errors.New("objects and lists are too far inside each other")

func (d document) parse() (hujson.Value, error) {
	if nesting.Exceeds(d.raw, deepest) >= 0 {
		return hujson.Value{}, errDeep
	}
	return hujson.Parse(d.raw)
}

func (d document) lineAndColumn(offset int) string {
	before := d.raw[:min(offset, len(d.raw))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len([]rune(string(before[bytes.LastIndexByte(before, '\n')+1:]))) + 1
	return fmt.Sprintf("line %d, column %d", line, column)
}

// A path leads to a field or an element: specs, corp, tags, 0.
type path []string

func (p path) then(token string) path { return append(slices.Clip(p), token) }

func (p path) String() string { return strings.Join(p, ".") }

// orAll is the path, or what an empty one means.
func (p path) orAll() string { return cmp.Or(p.String(), "it all") }

// pointer is the path in the way of RFC 6901; no name of ours needs escaping.
func (p path) pointer() string { return "/" + strings.Join(p, "/") }

// offset is where a member's name stands, or an element; the last one, if a
// name is there twice.
func offset(v hujson.Value, where path) int {
	at := v.StartOffset
	for _, token := range where {
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
			if nameOf(m) == token {
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
	if root, err := d.parse(); err == nil {
		if field := fieldAround(root, nil, at).String(); field != "" {
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
func fieldAround(v hujson.Value, here path, at int) path {
	switch composite := v.Value.(type) {
	case *hujson.Object:
		for _, m := range composite.Members {
			if m.Name.EndOffset <= at && at < m.Value.EndOffset {
				return fieldAround(m.Value, here.then(nameOf(m)), at)
			}
		}
	case *hujson.Array:
		for i, e := range composite.Elements {
			if e.StartOffset <= at && at < e.EndOffset {
				return fieldAround(e, here.then(fmt.Sprint(i)), at)
			}
		}
	}
	return here
}
