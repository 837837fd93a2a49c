package localtailnet

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tailscale/hujson"
	"tailscale.com/util/cmpver"
)

// A posture is a named list of assertions. A node has the posture if all of
// them hold.
// Source: https://tailscale.com/docs/features/device-posture.
type posture struct {
	word
	assertions []assertion
}

// An assertion compares a posture attribute of a node with values.
type assertion struct {
	attribute, operator string
	values              []any // strings, float64s and bools; one, but for IN and NOT IN
}

var (
	assertionForm = regexp.MustCompile(`^([a-zA-Z]+:[^\s=!<>]+)\s*(==|!=|<=|>=|<|>|NOT IN\b|IN\b|IS SET$|NOT SET$)\s*(.*)$`)
	listForm      = regexp.MustCompile(`^\[(.*)\]$`)
	valueForm     = regexp.MustCompile(`^('[^']*'|"[^"]*"|true|false|-?[0-9]+(?:\.[0-9]+)?)$`)
)

// versionAttributes are compared as versions, field by field.
var versionAttributes = []string{"node:osVersion", "node:tsVersion"}

func (r *policyReader) postures(v hujson.Value) (all []posture) {
	r.members(v, asWritten, func(name word, v hujson.Value) {
		p := posture{word: name}
		for _, w := range r.strings(v) {
			a, ok := parseAssertion(w.text)
			if !ok {
				r.refuse("postures[%q]: invalid assertion %q", name.text, w.text)
			}
			p.assertions = append(p.assertions, a)
		}
		all = append(all, p)
	})
	return all
}

func parseAssertion(text string) (a assertion, ok bool) {
	m := assertionForm.FindStringSubmatch(strings.TrimSpace(text))
	if m == nil {
		return a, false
	}
	a.attribute, a.operator = m[1], m[2]
	literals := []string{m[3]}
	switch a.operator {
	case "IS SET", "NOT SET":
		return a, m[3] == ""
	case "IN", "NOT IN":
		list := listForm.FindStringSubmatch(m[3])
		if list == nil {
			return a, false
		}
		literals = strings.Split(list[1], ",")
	}
	for _, literal := range literals {
		v, ok := parseAttributeValue(strings.TrimSpace(literal))
		if !ok {
			return a, false
		}
		a.values = append(a.values, v)
	}
	return a, !a.isOrder() || a.canOrder()
}

func parseAttributeValue(text string) (any, bool) {
	switch {
	case !valueForm.MatchString(text):
		return nil, false
	case text == "true" || text == "false":
		return text == "true", true
	case text[0] == '\'' || text[0] == '"':
		return text[1 : len(text)-1], true
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil
}

// isOrder reports whether the operator asks which of two values is larger.
func (a assertion) isOrder() bool { return strings.ContainsAny(a.operator, "<>") }

// canOrder reports whether the attribute and the value have an order: numbers
// have, and versions.
func (a assertion) canOrder() bool {
	_, isNumber := a.values[0].(float64)
	return isNumber || slices.Contains(versionAttributes, a.attribute)
}

// holds reports whether the assertion holds for a node with these attributes.
// An attribute that is not set meets nothing but NOT SET, not even !=.
func (a assertion) holds(attributes map[string]any) bool {
	value, isSet := attributes[a.attribute]
	if a.operator == "NOT SET" || !isSet {
		return a.operator == "NOT SET" && !isSet
	}
	equals := func(v any) bool { return a.compare(value, v, 0) }
	switch a.operator {
	case "IS SET":
		return true
	case "==", "IN":
		return slices.ContainsFunc(a.values, equals)
	case "!=", "NOT IN":
		return !slices.ContainsFunc(a.values, equals)
	case "<":
		return a.compare(value, a.values[0], -1)
	case ">":
		return a.compare(value, a.values[0], 1)
	case "<=":
		return a.compare(value, a.values[0], -1, 0)
	default:
		return a.compare(value, a.values[0], 1, 0)
	}
}

// compare reports whether the order of two values of one type is one of these:
// -1, 0 or 1.
func (a assertion) compare(value, with any, orders ...int) bool {
	order := 2
	switch v := value.(type) {
	case string:
		w, ok := with.(string)
		if ok && slices.Contains(versionAttributes, a.attribute) {
			order = sign(cmpver.Compare(v, w))
		} else if ok {
			order = strings.Compare(v, w)
		}
	case float64:
		if w, ok := with.(float64); ok {
			order = sign(int(v*1e3) - int(w*1e3))
		}
	case bool:
		if w, ok := with.(bool); ok && v == w {
			order = 0
		}
	}
	return slices.Contains(orders, order)
}

func sign(n int) int { return min(max(n, -1), 1) }

// postureOf are the postures that a rule asks for: its own, or else the
// policy's default.
func (f *policyFile) postureOf(own []word) []word {
	if len(own) > 0 {
		return own
	}
	return f.defaultPosture
}

// meets reports whether a machine has one of the postures. Without any there is
// nothing to meet.
func (f *policyFile) meets(m machine, postures []word) bool {
	return len(postures) == 0 || slices.ContainsFunc(postures, func(w word) bool {
		p := f.posture(w.text)
		return p != nil && !slices.ContainsFunc(p.assertions, func(a assertion) bool { return !a.holds(m.attributes) })
	})
}

func (f *policyFile) posture(name string) *posture {
	for i := range f.postures {
		if f.postures[i].text == name {
			return &f.postures[i]
		}
	}
	return nil
}

// attributes reads srcPostureAttrs, the attributes that a test gives to its source.
func (r *policyReader) attributes(to *map[string]any) func(hujson.Value) {
	return func(v hujson.Value) {
		*to = map[string]any{}
		r.members(v, asWritten, func(name word, v hujson.Value) {
			l, ok := v.Value.(hujson.Literal)
			if !ok || l.Kind() == 'n' {
				r.refuse("srcPostureAttrs[%q]: must be a string, a number or a boolean", name.text)
				return
			}
			switch l.Kind() {
			case '"':
				(*to)[name.text] = l.String()
			case '0':
				(*to)[name.text] = l.Float()
			default:
				(*to)[name.text] = l.Bool()
			}
		})
	}
}
