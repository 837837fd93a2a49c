package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/secret"
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
		at := path{"specs", name}
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
	return s, d.check(s, nil)
}

// Variables finds the specs in what a workflow passes as ${{ toJSON(vars) }}:
// an object of variables, by name. What the specs hold is not looked at. A
// value may also be the spec itself instead of its text.
func Variables(where string, raw secret.Text) (map[string][]byte, error) {
	var all map[string]json.RawMessage
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
const secretLike lazy.Pattern = `tskey-|github_pat_|\bgh[opsur]_[A-Za-z0-9]{16}|\bnsc[tw]_|\beyJ[\w-]{8,}\.`

// LooksSecret reports that a value cannot be part of a spec.
func LooksSecret(value string) bool { return secretLike.Matches(value) }

func (d document) decode(v any) error {
	if at := secretLike.Regexp().FindIndex(d.raw); at != nil {
		return d.isSecret(at[0])
	}
	root, err := d.parse()
	if err != nil {
		return d.invalid("it is not HuJSON", because(err),
			"JSON is wanted, in which comments and a comma at the end are allowed")
	}
	if err := d.strict(root, reflect.TypeOf(v).Elem(), nil); err != nil {
		return err
	}
	return json.Unmarshal(plain(root), v)
}

// because is what the parser says, but for a literal that it names: any word of
// any file may be one.
func because(err error) string {
	const literal = "invalid literal"
	text := strings.TrimPrefix(err.Error(), "hujson: ")
	if before, _, named := strings.Cut(text, literal+":"); named {
		return before + literal
	}
	return text
}

func (d document) invalid(what, because, hint string) *diag.Problem {
	p := &diag.Problem{Code: "spec-invalid", Summary: fmt.Sprintf("%s cannot be used: %s", d.where, what), Hint: hint, Input: true}
	if because != "" {
		p.Facts = append(p.Facts, diag.Fact{Name: "because", Value: because})
	}
	return p
}
