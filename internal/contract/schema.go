package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/tailjoin/tailjoin/internal/lazy"
)

// A Schema is the form of a value (JSON Schema 2020-12, as far as Tailscale's
// document uses it). The zero value is any value.
type Schema struct {
	Ref        string            `json:"$ref,omitempty"` // the name of another schema
	Type       types             `json:"type,omitempty"`
	Format     string            `json:"format,omitempty"`
	Enum       []any             `json:"enum,omitempty"`
	Items      *Schema           `json:"items,omitempty"`
	Properties map[string]Schema `json:"properties,omitempty"`
	Required   []string          `json:"required,omitempty"`
	Additional *additional       `json:"additionalProperties,omitempty"`
	AnyOf      []Schema          `json:"anyOf,omitempty"`
	OneOf      []Schema          `json:"oneOf,omitempty"`
	AllOf      []Schema          `json:"allOf,omitempty"`
	MinLength  int               `json:"minLength,omitempty"`
	MaxLength  int               `json:"maxLength,omitempty"`
	Minimum    *float64          `json:"minimum,omitempty"`
	Maximum    *float64          `json:"maximum,omitempty"`
	Pattern    string            `json:"pattern,omitempty"`
	ReadOnly   bool              `json:"readOnly,omitempty"`
	WriteOnly  bool              `json:"writeOnly,omitempty"`
}

// types is one type or several.
type types []string

func (t *types) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*t = types{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(t))
}

func (t types) MarshalJSON() ([]byte, error) {
	if len(t) == 1 {
		return json.Marshal(t[0])
	}
	return json.Marshal([]string(t))
}

// additional is the form of properties that are not named; false allows none.
type additional struct {
	Schema
	none bool
}

func (a *additional) UnmarshalJSON(text []byte) error {
	var allowed bool
	if json.Unmarshal(text, &allowed) == nil {
		a.none = !allowed
		return nil
	}
	return json.Unmarshal(text, &a.Schema)
}

func (a additional) MarshalJSON() ([]byte, error) {
	if a.none {
		return []byte("false"), nil
	}
	return json.Marshal(a.Schema)
}

// check returns what is wrong with a value as encoding/json has it. at says
// where the value is.
func (c *Contract) check(s Schema, at string, value any) []string {
	s = c.resolve(s)
	switch {
	case len(s.AnyOf)+len(s.OneOf) > 0:
		return c.checkAlternatives(append(slices.Clip(s.AnyOf), s.OneOf...), at, value)
	case len(s.Type) > 0 && !slices.ContainsFunc(s.Type, func(kind string) bool { return isOf(kind, value) }):
		return []string{fmt.Sprintf("%s is %s and not %s", at, kindOf(value), strings.Join(s.Type, " or "))}
	case len(s.Enum) > 0 && !slices.Contains(s.Enum, value):
		return []string{at + " is none of the values that are listed"}
	}
	switch v := value.(type) {
	case string:
		return s.checkText(at, v)
	case float64:
		return s.checkNumber(at, v)
	case []any:
		return c.checkItems(s, at, v)
	case map[string]any:
		return c.checkObject(s, at, v)
	}
	return nil
}

// resolve follows a reference, and joins what allOf lists.
func (c *Contract) resolve(s Schema) Schema {
	if s.Ref != "" {
		return c.resolve(c.Schemas[s.Ref])
	}
	joined := s
	joined.AllOf = nil
	for _, part := range s.AllOf {
		part = c.resolve(part)
		properties := maps.Clone(part.Properties)
		if properties == nil {
			properties = map[string]Schema{}
		}
		maps.Copy(properties, joined.Properties)
		joined.Properties, joined.Required = properties, append(slices.Clip(joined.Required), part.Required...)
		if joined.Type == nil {
			joined.Type = part.Type
		}
	}
	return joined
}

func (c *Contract) checkAlternatives(schemas []Schema, at string, value any) (findings []string) {
	for _, s := range schemas {
		if findings = c.check(s, at, value); findings == nil {
			return nil
		}
	}
	if len(schemas) == 1 {
		return findings
	}
	return []string{at + " has none of the forms that are listed"}
}

func (s Schema) checkText(at, text string) []string {
	length := utf8.RuneCountInString(text)
	switch {
	case s.MaxLength > 0 && length > s.MaxLength:
		return []string{fmt.Sprintf("%s is longer than %d characters", at, s.MaxLength)}
	case length < s.MinLength:
		return []string{fmt.Sprintf("%s is shorter than %d characters", at, s.MinLength)}
	case s.Pattern != "" && !lazy.Pattern(s.Pattern).Matches(text):
		return []string{at + " does not match " + s.Pattern}
	}
	return nil
}

func (s Schema) checkNumber(at string, number float64) []string {
	switch {
	case s.Minimum != nil && number < *s.Minimum:
		return []string{fmt.Sprintf("%s is below %v", at, *s.Minimum)}
	case s.Maximum != nil && number > *s.Maximum:
		return []string{fmt.Sprintf("%s is above %v", at, *s.Maximum)}
	}
	return nil
}

func (c *Contract) checkItems(s Schema, at string, items []any) (findings []string) {
	if s.Items == nil {
		return nil
	}
	for _, item := range items {
		findings = append(findings, c.check(*s.Items, at+"[]", item)...)
	}
	return findings
}

func (c *Contract) checkObject(s Schema, at string, object map[string]any) (findings []string) {
	for _, name := range s.Required {
		if _, there := object[name]; !there {
			findings = append(findings, at+"."+name+" is missing")
		}
	}
	for name, value := range object {
		property, named := s.Properties[name]
		switch {
		case named:
			findings = append(findings, c.check(property, at+"."+name, value)...)
		case s.Additional != nil && !s.Additional.none:
			findings = append(findings, c.check(s.Additional.Schema, at+".*", value)...)
		case len(s.Properties) > 0 || s.Additional != nil:
			findings = append(findings, at+"."+name+" is unknown")
		}
	}
	return findings
}

func isOf(kind string, value any) bool {
	if number, ok := value.(float64); ok && kind == "integer" {
		return number == math.Trunc(number)
	}
	return kind == kindOf(value)
}

func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case float64:
		return "number"
	case []any:
		return "array"
	}
	return "object"
}
