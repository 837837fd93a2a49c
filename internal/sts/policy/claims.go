package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fields are what a template may show of a node; each of them is a word in
// braces. Nothing else of what the tailnet knows gets into a token.
var fields = map[string]func(*Caller) string{
	"nodeId":        func(c *Caller) string { return c.NodeID },
	"name":          func(c *Caller) string { return c.Name },
	"hostname":      func(c *Caller) string { return c.Hostname },
	"ip4":           func(c *Caller) string { return c.IP4 },
	"ip6":           func(c *Caller) string { return c.IP6 },
	"userLoginName": func(c *Caller) string { return c.User },
}

// tags is the one field that is a list, so it stands alone.
const tags = "{tags}"

// reserved are the claims that every token has by itself.
var reserved = []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}

// Reserved are the names of the claims that every token has by itself.
func Reserved() []string { return slices.Clone(reserved) }

// A Template is text in which {field} stands for what is known of the caller.
type Template struct {
	texts  []string               // texts[i] stands before fields[i]; one more at the end
	fields []func(*Caller) string // in their order
}

// ParseTemplate reads one. There is no way to write a brace that means itself.
func ParseTemplate(text string) (*Template, error) {
	t := &Template{}
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
		field := fields[name]
		if !closed || field == nil {
			return nil, fmt.Errorf("%q is none of the fields {%s} or, alone, %s", "{"+rest, strings.Join(slices.Sorted(maps.Keys(fields)), "} {"), tags)
		}
		t.fields = append(t.fields, field)
		text = behind
	}
}

func (t *Template) text(c *Caller) string {
	var b strings.Builder
	for i, text := range t.texts {
		b.WriteString(text)
		if i < len(t.fields) {
			b.WriteString(t.fields[i](c))
		}
	}
	return b.String()
}

// empty holds for a template of one field alone that the caller lacks: its
// claim is left out.
func (t *Template) empty(c *Caller) bool { return len(t.fields) > 0 && t.text(c) == "" }

// Claims are the claims of a token that say more of the node, by their name.
type Claims struct{ members map[string]value }

// A value is a claim before it is known whose: it returns nil to be left out.
type value func(*Caller) any

// DefaultClaims are those of tsiam, without the capability map: that shows
// every grant of the node to whoever gets a token.
func DefaultClaims() map[string]any {
	return map[string]any{"italypaleale.me/tsiam": map[string]any{
		"nodeId": "{nodeId}", "name": "{name}", "hostname": "{hostname}",
		"ip4": "{ip4}", "ip6": "{ip6}", "userLoginName": "{userLoginName}", "tags": tags,
	}}
}

// ParseClaims reads names and templates. A template is a string, a number, a
// boolean, or a list or a map of these.
func ParseClaims(raw map[string]any) (Claims, error) {
	for _, name := range reserved {
		if _, ok := raw[name]; ok {
			return Claims{}, fmt.Errorf("%q is a claim that every token has", name)
		}
	}
	members, err := parseMembers(raw)
	return Claims{members}, err
}

func parseMembers(raw map[string]any) (map[string]value, error) {
	members := map[string]value{}
	for name, template := range raw {
		v, err := parseValue(template)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		members[name] = v
	}
	return members, nil
}

func parseValue(raw any) (value, error) {
	switch raw := raw.(type) {
	case string:
		return parseText(raw)
	case map[string]any:
		members, err := parseMembers(raw)
		return func(c *Caller) any { return Claims{members}.of(c) }, err
	case []any:
		return parseList(raw)
	case bool, int, int64, uint64, float64:
		return func(*Caller) any { return raw }, nil
	}
	return nil, errors.New("a text, a number, true or false, or a list or a map of these is wanted")
}

func parseText(raw string) (value, error) {
	if raw == tags {
		return func(c *Caller) any {
			if len(c.Tags) == 0 {
				return nil
			}
			return c.Tags
		}, nil
	}
	t, err := ParseTemplate(raw)
	if err != nil {
		return nil, err
	}
	return func(c *Caller) any {
		if t.empty(c) {
			return nil
		}
		return t.text(c)
	}, nil
}

func parseList(raw []any) (value, error) {
	var items []value
	for _, item := range raw {
		v, err := parseValue(item)
		if err != nil {
			return nil, err
		}
		items = append(items, v)
	}
	return func(c *Caller) any {
		list := []any{}
		for _, item := range items {
			if v := item(c); v != nil {
				list = append(list, v)
			}
		}
		return list
	}, nil
}

// Names are the names of the claims.
func (cl Claims) Names() []string { return slices.Sorted(maps.Keys(cl.members)) }

// of renders the claims for one caller.
func (cl Claims) of(c *Caller) map[string]any {
	rendered := make(map[string]any, len(cl.members))
	for name, member := range cl.members {
		if v := member(c); v != nil {
			rendered[name] = v
		}
	}
	return rendered
}
