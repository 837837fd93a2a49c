package spec

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/tailscale/hujson"
)

// strict refuses what encoding/json would let pass, and knows where it stands:
// fields that t has not, letter by letter; those that are there twice; values
// of another kind, null among them.
func (d document) strict(v hujson.Value, t reflect.Type, here path) error {
	switch t.Kind() {
	case reflect.Pointer:
		return d.strict(v, t.Elem(), here)
	case reflect.Struct, reflect.Map:
		return d.strictObject(v, t, here)
	case reflect.Slice:
		return d.strictList(v, t, here)
	}
	if l, ok := v.Value.(hujson.Literal); !ok || !strings.ContainsRune(literals[t.Kind()], rune(l.Kind())) {
		return d.wrongKind(t, here)
	}
	return nil
}

// literals are the kinds of hujson that a Go kind can hold.
var literals = map[reflect.Kind]string{reflect.String: `"`, reflect.Bool: "tf"}

// kinds are Go's in the words of JSON.
var kinds = map[reflect.Kind]string{
	reflect.String: "text in quotes", reflect.Bool: "true or false", reflect.Slice: "a list of texts, in [ ]",
	reflect.Struct: "an object, in { }", reflect.Map: "an object, in { }",
}

func (d document) wrongKind(t reflect.Type, here path) error {
	return d.at(d.invalid(fmt.Sprintf("%s has a value of the wrong kind", here.orAll()), "", "wanted is "+kinds[t.Kind()]), here)
}

func (d document) strictObject(v hujson.Value, t reflect.Type, here path) error {
	o, ok := v.Value.(*hujson.Object)
	if !ok {
		return d.wrongKind(t, here)
	}
	seen := map[string]bool{}
	for _, m := range o.Members {
		name := nameOf(m)
		at := here.then(name)
		inner, known := innerType(t, name)
		switch {
		case !known:
			return d.at(d.invalid(fmt.Sprintf("there is no field %q", name), "", "the fields here are\n"+fieldsOf(t)), at)
		case seen[name]:
			return d.at(d.invalid("a field is there twice", "", "leave one out"), at)
		}
		seen[name] = true
		if err := d.strict(m.Value, inner, at); err != nil {
			return err
		}
	}
	return nil
}

func (d document) strictList(v hujson.Value, t reflect.Type, here path) error {
	list, ok := v.Value.(*hujson.Array)
	if !ok {
		return d.wrongKind(t, here)
	}
	for i, e := range list.Elements {
		if err := d.strict(e, t.Elem(), here.then(fmt.Sprint(i))); err != nil {
			return err
		}
	}
	return nil
}

// innerType is the type of a member; a map has any.
func innerType(t reflect.Type, name string) (reflect.Type, bool) {
	if t.Kind() == reflect.Map {
		return t.Elem(), true
	}
	for i := range t.NumField() {
		if jsonName(t.Field(i)) == name {
			return t.Field(i).Type, true
		}
	}
	return nil, false
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

// fieldsOf are the names that an object may have, in lines that fit.
func fieldsOf(t reflect.Type) string {
	var b strings.Builder
	for i := range t.NumField() {
		switch {
		case i == 0:
		case i%8 == 0:
			b.WriteString(",\n")
		default:
			b.WriteString(", ")
		}
		b.WriteString(jsonName(t.Field(i)))
	}
	return b.String()
}
