package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Vocabulary is what templates may show of a T, and nothing else: each field
// is a word in braces.
type Vocabulary[T any] struct {
	// Text finds a field that is text; nil is none. What it returns says whether
	// there is such a text: without it all of what it stands in is left out.
	Text func(name string) func(T) (string, bool)
	// Whole finds a field that may be more than text, if nothing stands around
	// it; nil is none.
	Whole func(name string) func(T) any
	Words string // the names, for people
}

// reserved are the claims that every token has by itself.
var reserved = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

// Reserved are the names of the claims that every token has by itself.
func Reserved() []string { return slices.Clone(reserved) }

// A Template is text in which {field} stands for what is known of a T.
type Template[T any] struct {
	texts  []string                 // texts[i] stands before fields[i]; one more at the end
	fields []func(T) (string, bool) // in their order
}

// Template reads one. There is no way to write a brace that means itself.
func (v Vocabulary[T]) Template(text string) (*Template[T], error) {
	t := &Template[T]{}
	for {
		before, rest, ok := strings.Cut(text, "{")
		if strings.Contains(before, "}") {
			return nil, fmt.Errorf("%q has a } without a {", text)
		}
		t.texts = append(t.texts, before)
		if !ok {
			return t, nil
		}
		name, behind, closed := strings.Cut(rest, "}")
		field := v.Text(name)
		if !closed || field == nil {
			return nil, fmt.Errorf("%q is none of the fields %s", "{"+rest, v.Words)
		}
		t.fields = append(t.fields, field)
		text = behind
	}
}

// Of fills a template in. It is false if a field is not there, or if fields
// are all there is and nothing is in them.
func (t *Template[T]) Of(known T) (string, bool) {
	var b strings.Builder
	for i, text := range t.texts {
		b.WriteString(text)
		if i == len(t.fields) {
			break
		}
		value, ok := t.fields[i](known)
		if !ok {
			return "", false
		}
		b.WriteString(value)
	}
	return b.String(), b.Len() > 0 || len(t.fields) == 0
}

// Claims are claims of a token that say more of a T, by their name. The zero
// value has none.
type Claims[T any] struct{ members map[string]value[T] }

// A value is a claim before it is known whose: it returns nil to be left out.
type value[T any] func(T) any

// Claims reads names and templates. A template is a string, a number, a
// boolean, or a list or a map of these.
func (v Vocabulary[T]) Claims(raw map[string]any) (Claims[T], error) {
	for _, name := range reserved {
		if _, ok := raw[name]; ok {
			return Claims[T]{}, fmt.Errorf("%q is a claim that every token has", name)
		}
	}
	return v.members(raw)
}

func (v Vocabulary[T]) members(raw map[string]any) (Claims[T], error) {
	members := map[string]value[T]{}
	for name, template := range raw {
		member, err := v.value(template)
		if err != nil {
			return Claims[T]{}, fmt.Errorf("%s: %w", name, err)
		}
		members[name] = member
	}
	return Claims[T]{members}, nil
}

func (v Vocabulary[T]) value(raw any) (value[T], error) {
	switch raw := raw.(type) {
	case string:
		return v.text(raw)
	case map[string]any:
		inner, err := v.members(raw)
		return func(known T) any { return inner.Of(known) }, err
	case []any:
		return v.list(raw)
	case bool, int, int64, uint64, float64:
		return func(T) any { return raw }, nil
	}
	return nil, errors.New("a text, a number, true or false, or a list or a map of these is wanted")
}

func (v Vocabulary[T]) text(raw string) (value[T], error) {
	if name, ok := alone(raw); ok {
		if whole := v.Whole(name); whole != nil {
			return whole, nil
		}
	}
	t, err := v.Template(raw)
	if err != nil {
		return nil, err
	}
	return func(known T) any {
		if text, ok := t.Of(known); ok {
			return text
		}
		return nil
	}, nil
}

// alone is the name of a field that has nothing around it.
func alone(raw string) (name string, ok bool) {
	name, opened := strings.CutPrefix(raw, "{")
	name, closed := strings.CutSuffix(name, "}")
	return name, opened && closed && !strings.ContainsAny(name, "{}")
}

func (v Vocabulary[T]) list(raw []any) (value[T], error) {
	var items []value[T]
	for _, item := range raw {
		one, err := v.value(item)
		if err != nil {
			return nil, err
		}
		items = append(items, one)
	}
	return func(known T) any {
		list := []any{}
		for _, item := range items {
			if one := item(known); one != nil {
				list = append(list, one)
			}
		}
		return list
	}, nil
}

// Names are the names of the claims.
func (cl Claims[T]) Names() []string { return slices.Sorted(maps.Keys(cl.members)) }

// Of renders the claims. The map is the caller's.
func (cl Claims[T]) Of(known T) map[string]any {
	rendered := make(map[string]any, len(cl.members))
	for name, member := range cl.members {
		if one := member(known); one != nil {
			rendered[name] = one
		}
	}
	return rendered
}
