package spec

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailscale/hujson"
)

// A file is what a spec file holds.
type file struct {
	Specs Set `json:"specs"`
}

// ReadFile reads a spec file, which is HuJSON: JSON with comments and trailing
// commas. where is what people call it. An empty file has no specs.
func ReadFile(where string, raw []byte) (Set, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		return Set{}, nil
	}
	var f file
	d := document{where, raw}
	if err := d.decode(&f); err != nil {
		return nil, err
	}
	for _, name := range f.Specs.Names() {
		at := jsontext.Pointer("").AppendToken("specs").AppendToken(name)
		if err := CheckName(name); err != nil {
			return nil, d.at(diag.As(err), at)
		}
		if err := d.check(f.Specs[name], at); err != nil {
			return nil, err
		}
	}
	return f.Specs, nil
}

// ReadOne reads a single spec, as a variable holds it; HuJSON too.
func ReadOne(where string, raw []byte) (Spec, error) {
	var s Spec
	d := document{where, raw}
	if err := d.decode(&s); err != nil {
		return Spec{}, err
	}
	return s, d.check(s, "")
}

// Variables finds the specs in what a workflow passes as ${{ toJSON(vars) }}:
// an object of variables, by name. What the specs hold is not looked at. A
// value may also be the spec itself instead of its text.
func Variables(where string, raw secret.Text) (map[string][]byte, error) {
	var all map[string]jsontext.Value
	if err := json.Unmarshal([]byte(raw.Reveal()), &all); err != nil {
		return nil, diag.Input(where+" is not a JSON object of variables", "pass all that the workflow has:\n  specs: ${{ toJSON(vars) }}")
	}
	found := map[string][]byte{}
	for variable, value := range all {
		name := NameOf(variable)
		if name == "" {
			continue
		}
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		found[name] = []byte(text)
	}
	return found, nil
}

// A document is one text that is read, and what people call it.
type document struct {
	where string
	raw   []byte
}

// secretLike is what a credential of Tailscale, GitHub or Namespace begins
// with, and a JWT.
var secretLike = regexp.MustCompile(`tskey-|github_pat_|\bgh[opsur]_[A-Za-z0-9]{16}|\bnsc[tw]_|\beyJ[\w-]{8,}\.`)

// LooksSecret reports that a value cannot be part of a spec.
func LooksSecret(value string) bool { return secretLike.MatchString(value) }

func (d document) decode(v any) error {
	if at := secretLike.FindIndex(d.raw); at != nil {
		return d.isSecret(at[0])
	}
	plain, err := hujson.Standardize(bytes.Clone(d.raw))
	if err != nil {
		return d.invalid("it is not HuJSON", strings.TrimPrefix(err.Error(), "hujson: "), "JSON is wanted, in which comments and a comma at the end are allowed")
	}
	// Offsets are the same as in raw: a comment has become spaces.
	if err := json.Unmarshal(plain, v, json.RejectUnknownMembers(true)); err != nil {
		return d.explain(err, reflect.TypeOf(v))
	}
	return nil
}

func (d document) invalid(what, because, hint string) *diag.Problem {
	p := &diag.Problem{Code: "spec-invalid", Summary: fmt.Sprintf("%s cannot be used: %s", d.where, what), Hint: hint, Input: true}
	if because != "" {
		p.Facts = append(p.Facts, diag.Fact{Name: "because", Value: because})
	}
	return p
}

// explain says in the words of the file what encoding/json says in those of Go.
func (d document) explain(err error, into reflect.Type) error {
	wrong, ok := errors.AsType[*json.SemanticError](err)
	if !ok {
		return d.syntax(err)
	}
	if errors.Is(err, json.ErrUnknownName) {
		name := wrong.JSONPointer.LastToken()
		return d.at(d.invalid(fmt.Sprintf("there is no field %q", name), "", "the fields here are\n"+fieldsAt(into, wrong.JSONPointer)), wrong.JSONPointer)
	}
	return d.at(d.invalid(fmt.Sprintf("%s has a value of the wrong kind", pathOf(wrong.JSONPointer)), "", "wanted is "+kind(wrong.GoType)), wrong.JSONPointer)
}

func (d document) syntax(err error) error {
	wrong, ok := errors.AsType[*jsontext.SyntacticError](err)
	if ok && errors.Is(err, jsontext.ErrDuplicateName) {
		return d.at(d.invalid("a field is there twice", "", "leave one out"), wrong.JSONPointer)
	}
	return d.invalid("it is not HuJSON", err.Error(), "JSON is wanted, in which comments and a comma at the end are allowed")
}

// kind is a Go type in the words of JSON.
func kind(t reflect.Type) string {
	switch {
	case t == nil:
		return "another kind"
	case t.Kind() == reflect.Pointer:
		return kind(t.Elem())
	}
	return map[reflect.Kind]string{
		reflect.String: "text in quotes", reflect.Bool: "true or false", reflect.Slice: "a list of texts, in [ ]",
		reflect.Struct: "an object, in { }", reflect.Map: "an object, in { }",
	}[t.Kind()]
}

// fieldsAt are the names that an object may have beside the one at pointer.
func fieldsAt(t reflect.Type, pointer jsontext.Pointer) string {
	t = t.Elem()
	for token := range pointer.Parent().Tokens() {
		if t.Kind() == reflect.Map {
			t = t.Elem()
			continue
		}
		t = fieldNamed(t, token)
	}
	var names []string
	for i := range t.NumField() {
		names = append(names, jsonName(t.Field(i)))
	}
	return wrapped(names)
}

func fieldNamed(t reflect.Type, name string) reflect.Type {
	for i := range t.NumField() {
		if jsonName(t.Field(i)) == name {
			return t.Field(i).Type
		}
	}
	return t
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// wrapped is a list in lines that fit.
func wrapped(names []string) string {
	var b strings.Builder
	for i, name := range names {
		switch {
		case i == 0:
		case i%8 == 0:
			b.WriteString(",\n")
		default:
			b.WriteString(", ")
		}
		b.WriteString(name)
	}
	return b.String()
}
