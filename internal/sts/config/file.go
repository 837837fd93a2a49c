package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/ownfile"
	"go.yaml.in/yaml/v3"
)

// mergeFile sets what a file says; nil in it says nothing.
func mergeFile(root *yaml.Node, path string) error {
	if path == "" {
		return nil
	}
	file, err := ownfile.OpenFile(path, os.O_RDONLY, 0, ownfile.Shared)
	if err != nil {
		return wrong(path, err)
	}
	defer file.Close()
	var document yaml.Node
	if err := yaml.NewDecoder(file).Decode(&document); errors.Is(err, io.EOF) {
		return nil // it says nothing
	} else if err != nil {
		return wrong(path, err)
	}
	content := document.Content[0]
	if err := known(content, reflect.TypeFor[Config](), "", path); err != nil {
		return err
	}
	merge(root, nil, content, reflect.TypeFor[Config]())
	return nil
}

// merge sets every setting that a section of the file has.
func merge(root *yaml.Node, path []string, section *yaml.Node, t reflect.Type) {
	for name, value := range pairs(section) {
		field, _ := fieldOf(t, name.Value)
		here := append(append([]string(nil), path...), name.Value)
		switch {
		case value.Tag == "!!null":
		case isSection(field.Type):
			merge(root, here, value, field.Type)
		default:
			put(root, here, value)
		}
	}
}

// known reports the first key that nothing declares: it would be somebody's
// mistake that does nothing, or worse, the lack of what was meant. file is ""
// for words that came from elsewhere.
func known(node *yaml.Node, t reflect.Type, path, file string) error {
	node = resolved(node)
	switch {
	case node.Tag == "!!null":
	case t.Kind() == reflect.Slice && node.Kind == yaml.SequenceNode:
		for _, item := range node.Content {
			if err := known(item, t.Elem(), path, file); err != nil {
				return err
			}
		}
	case isSection(t) && node.Kind != yaml.MappingNode:
		return at(file, node, path+" has keys of its own, and here it has none", "its keys are "+names(t))
	case isSection(t):
		seen := map[string]bool{}
		for name, value := range pairs(node) {
			field, ok := fieldOf(t, name.Value)
			here := strings.TrimPrefix(path+"."+name.Value, ".")
			if !ok {
				return at(file, name, "there is no setting "+here, "the keys here are "+names(t))
			}
			if seen[name.Value] {
				return at(file, name, here+" is set twice", "keep one of them")
			}
			seen[name.Value] = true
			if err := known(value, field.Type, here, file); err != nil {
				return err
			}
		}
	}
	return nil
}

// pairs are the keys and values of a mapping.
func pairs(mapping *yaml.Node) func(yield func(name, value *yaml.Node) bool) {
	return func(yield func(name, value *yaml.Node) bool) {
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if !yield(mapping.Content[i], resolved(mapping.Content[i+1])) {
				return
			}
		}
	}
}

// resolved is the node that an alias stands for.
func resolved(node *yaml.Node) *yaml.Node {
	if node.Kind == yaml.AliasNode {
		return node.Alias
	}
	return node
}

func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	return t.FieldByNameFunc(func(field string) bool {
		f, _ := t.FieldByName(field)
		return f.Tag.Get("yaml") == name
	})
}

func names(t reflect.Type) string {
	var all []string
	for field := range t.Fields() {
		all = append(all, field.Tag.Get("yaml"))
	}
	return strings.Join(all, ", ")
}

func at(file string, node *yaml.Node, summary, hint string) error {
	return diag.Input(summary, hint, diag.Fact{Name: "file", Value: file}, diag.Fact{Name: "line", Value: fmt.Sprint(node.Line)})
}
