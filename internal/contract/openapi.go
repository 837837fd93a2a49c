package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// document is an OpenAPI 3.1 document, as far as a contract needs it.
type document struct {
	Paths      map[string]map[string]json.RawMessage // by path and method
	Components struct {
		Schemas    map[string]Schema
		Parameters map[string]parameter
		Responses  map[string]response
	}
}

type parameter struct {
	Ref      string `json:"$ref"`
	In, Name string
	Required bool
	Schema   Schema
}

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]struct{ Schema Schema }
}

type operation struct {
	Parameters  []parameter
	RequestBody *struct {
		Required bool
		Content  map[string]struct{ Schema Schema }
	}
	Responses map[string]response
}

// methods are the keys of a path that are operations.
var methods = []string{"get", "post", "put", "patch", "delete", "head", "options"}

// FromOpenAPI makes the contract of an OpenAPI document.
func FromOpenAPI(text []byte) (*Contract, error) {
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		return nil, fmt.Errorf("reading the OpenAPI document: %w", err)
	}
	c := &Contract{Operations: map[string]Operation{}, Schemas: map[string]Schema{}}
	for path, entries := range d.Paths {
		if err := d.addPath(c, path, entries); err != nil {
			return nil, fmt.Errorf("reading the path %s: %w", path, err)
		}
	}
	if len(c.Operations) == 0 {
		return nil, errors.New("reading the OpenAPI document: it has no operations")
	}
	for name, schema := range d.Components.Schemas {
		c.Schemas[name] = schema.named()
	}
	return c, nil
}

func (d *document) addPath(c *Contract, path string, entries map[string]json.RawMessage) error {
	var shared []parameter
	if text := entries["parameters"]; text != nil {
		if err := json.Unmarshal(text, &shared); err != nil {
			return err
		}
	}
	for _, method := range methods {
		var o operation
		if entries[method] == nil {
			continue
		}
		if err := json.Unmarshal(entries[method], &o); err != nil {
			return fmt.Errorf("%s: %w", method, err)
		}
		o.Parameters = append(shared, o.Parameters...)
		c.Operations[strings.ToUpper(method)+" "+path] = d.operation(o)
	}
	return nil
}

func (d *document) operation(o operation) Operation {
	out := Operation{Responses: map[string]Media{}}
	for _, p := range o.Parameters {
		if p.Ref != "" {
			p = d.Components.Parameters[last(p.Ref)]
		}
		if out.Parameters == nil {
			out.Parameters = map[string]Parameter{}
		}
		out.Parameters[p.In+" "+p.Name] = Parameter{p.Required, p.Schema.named()}
	}
	if o.RequestBody != nil {
		out.Request = &Request{o.RequestBody.Required, media(o.RequestBody.Content)}
	}
	for status, r := range o.Responses {
		if r.Ref != "" {
			r = d.Components.Responses[last(r.Ref)]
		}
		out.Responses[status] = media(r.Content)
	}
	return out
}

func media(content map[string]struct{ Schema Schema }) Media {
	all := Media{}
	for kind, body := range content {
		all[kind] = body.Schema.named()
	}
	return all
}

// named returns s with references that are names alone.
func (s Schema) named() Schema {
	s.Ref = last(s.Ref)
	for _, list := range []*[]Schema{&s.AnyOf, &s.OneOf, &s.AllOf} {
		var all []Schema
		for _, one := range *list {
			all = append(all, one.named())
		}
		*list = all
	}
	if s.Items != nil {
		items := s.Items.named()
		s.Items = &items
	}
	if s.Additional != nil {
		s.Additional = &additional{s.Additional.Schema.named(), s.Additional.none}
	}
	properties := s.Properties
	s.Properties = nil
	for name, property := range properties {
		if s.Properties == nil {
			s.Properties = map[string]Schema{}
		}
		s.Properties[name] = property.named()
	}
	return s
}

// last is the last part of a reference such as #/components/schemas/Device.
func last(ref string) string { return ref[strings.LastIndex(ref, "/")+1:] }
