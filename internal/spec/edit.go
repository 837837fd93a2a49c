package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/tailscale/hujson"
)

// beginning is a new spec file.
const beginning = `// What jobs of this repository may ask of a tailnet, by name. No value is a secret.
// Change it here or by tailjoin spec set. See https://github.com/tailjoin/tailjoin/blob/v1/docs/specs.md
{
	"specs": {},
}
`

// Put returns a spec file with the spec of this name created or replaced. What
// it does not change keeps its order and its comments. raw was read by ReadFile
// before; it may be empty.
func Put(raw []byte, name string, s Spec) ([]byte, error) {
	root, err := parseFile(raw)
	if err != nil {
		return nil, err
	}
	want, err := json.Marshal(map[string]any{"specs": map[string]Spec{name: s}})
	if err != nil {
		return nil, err
	}
	wanted, err := hujson.Parse(want)
	if err != nil {
		return nil, err
	}
	var patch []operation
	here := path{"specs", name}
	merge(&patch, nil, root, wanted)
	if len(patch) == 0 {
		return raw, nil
	}
	isNew := root.Find(here.pointer()) == nil
	if err := change(&root, patch); err != nil {
		return nil, err
	}
	if isNew {
		unfold(&root)
		unfold(root.Find("/specs"))
		unfold(root.Find(here.pointer()))
	}
	root.Format()
	return root.Pack(), nil
}

// Remove returns a spec file without the spec of this name, which it has.
func Remove(raw []byte, name string) ([]byte, error) {
	root, err := parseFile(raw)
	if err != nil {
		return nil, err
	}
	if err := change(&root, []operation{{Op: "remove", Path: path{"specs", name}.pointer()}}); err != nil {
		return nil, err
	}
	root.Format()
	return root.Pack(), nil
}

func parseFile(raw []byte) (hujson.Value, error) {
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = []byte(beginning)
	}
	return hujson.Parse(raw)
}

// An operation is one of RFC 6902.
type operation struct {
	Op    string          `json:"op"`
	Path  string          `json:"path"`
	Value json.RawMessage `json:"value,omitempty"`
}

func change(root *hujson.Value, patch []operation) error {
	encoded, err := json.Marshal(patch)
	if err != nil {
		return err
	}
	if err := root.Patch(encoded); err != nil {
		return fmt.Errorf("changing the spec file: %w", err)
	}
	return nil
}

// unfold has an object written with a line for each member.
func unfold(v *hujson.Value) {
	if o, ok := v.Value.(*hujson.Object); ok && len(o.Members) > 0 && !bytes.Contains(o.Members[0].Name.BeforeExtra, []byte("\n")) {
		o.Members[0].Name.BeforeExtra = append(hujson.Extra("\n"), o.Members[0].Name.BeforeExtra...)
	}
}

// merge makes old what want is, member by member, so that comments stay. Other
// specs stay, too.
func merge(patch *[]operation, here path, old, want hujson.Value) {
	before, isObject := old.Value.(*hujson.Object)
	after, wantsObject := want.Value.(*hujson.Object)
	if !isObject || !wantsObject {
		if !same(old, want) {
			*patch = append(*patch, operation{"replace", here.pointer(), plain(want)})
		}
		return
	}
	for _, m := range after.Members {
		at := here.then(nameOf(m))
		if found, ok := member(before, nameOf(m)); ok {
			merge(patch, at, found, m.Value)
		} else {
			*patch = append(*patch, operation{"add", at.pointer(), plain(m.Value)})
		}
	}
	for _, m := range before.Members {
		if _, ok := member(after, nameOf(m)); !ok && len(here) > 1 { // not beside the spec
			*patch = append(*patch, operation{Op: "remove", Path: here.then(nameOf(m)).pointer()})
		}
	}
}

func nameOf(m hujson.ObjectMember) string {
	name, _ := m.Name.Value.(hujson.Literal)
	return name.String()
}

func member(o *hujson.Object, name string) (hujson.Value, bool) {
	for _, m := range o.Members {
		if nameOf(m) == name {
			return m.Value, true
		}
	}
	return hujson.Value{}, false
}

// plain is a value as JSON, without its comments. It is a clone that loses them:
// what hujson parsed shares its bytes with what it was parsed from.
func plain(v hujson.Value) json.RawMessage {
	v = v.Clone()
	v.Minimize()
	return v.Pack()
}

func same(a, b hujson.Value) bool {
	var x, y any
	return json.Unmarshal(plain(a), &x) == nil && json.Unmarshal(plain(b), &y) == nil && reflect.DeepEqual(x, y)
}
