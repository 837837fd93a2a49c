package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/sts/ownfile"
	"go.yaml.in/yaml/v3"
)

// A Secret is a value that does not print.
type Secret struct{ secret.Text }

// UnmarshalYAML takes the text as it is.
func (s *Secret) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.ScalarNode {
		return errors.New("a text is wanted") // the value is not shown
	}
	s.Text = secret.New(strings.TrimSpace(node.Value))
	return nil
}

// MarshalYAML shows that there is one.
func (s Secret) MarshalYAML() (any, error) { return s.String(), nil }

// A Source is what an operator said, and where.
type Source struct {
	File  string                           // "" is none
	Env   func(name string) string         // variables
	Flags func(name string) (string, bool) // flags that were given
}

// Load reads the configuration: a flag counts before a variable, that before
// the file, and that before the default.
func Load(from Source) (*Config, error) {
	root := &yaml.Node{Kind: yaml.MappingNode}
	settings := Settings()
	fill(root, settings, func(s Setting) (string, bool) { return s.Default, s.Default != "" })
	fill(root, settings, func(s Setting) (string, bool) { return s.tailscales(from.Env) })
	if err := mergeFile(root, from.File); err != nil {
		return nil, err
	}
	for _, given := range []func(Setting) (string, bool){
		func(s Setting) (string, bool) { v := from.Env(s.Variable()); return v, v != "" },
		func(s Setting) (string, bool) { return from.Flags(s.Flag()) },
	} {
		if err := fill(root, settings, given); err != nil {
			return nil, err
		}
	}
	c := &Config{}
	if err := root.Decode(c); err != nil {
		return nil, wrong(from.File, err)
	}
	if c.TSNet.StateDir == "" && from.File != "" {
		c.TSNet.StateDir = filepath.Join(filepath.Dir(from.File), "tsnet")
	}
	return c, errors.Join(c.readSecrets(), c.check())
}

// tailscales is what a variable says that Tailscale's own programs read.
func (s Setting) tailscales(env func(string) string) (string, bool) {
	for _, name := range s.before {
		if value := env(name); value != "" {
			return value, true
		}
	}
	return "", false
}

// fill sets what is given by words alone.
func fill(root *yaml.Node, settings []Setting, given func(Setting) (string, bool)) error {
	for _, s := range settings {
		value, ok := given(s)
		if !ok {
			continue
		}
		node, err := s.node(value)
		if err != nil {
			return diag.Input(s.Key()+" cannot be read", "it takes what stands behind this key in the file, in YAML or JSON",
				diag.Fact{Name: "because", Value: err.Error()})
		}
		put(root, s.Path, node)
	}
	return nil
}

// node is a setting's value out of words: one word, a list with commas, or
// YAML for what is more than that.
func (s Setting) node(value string) (*yaml.Node, error) {
	if s.isText() {
		return &yaml.Node{Kind: yaml.ScalarNode, Value: value}, nil
	}
	if s.kind != reflect.TypeFor[[]string]() {
		var document yaml.Node
		if err := yaml.Unmarshal([]byte(value), &document); err != nil || len(document.Content) == 0 {
			return nil, errors.Join(errors.New("it is no YAML"), err)
		}
		return document.Content[0], known(document.Content[0], s.kind, s.Key(), "")
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for word := range strings.FieldsFuncSeq(value, func(r rune) bool { return r == ',' || r == '\n' }) {
		list.Content = append(list.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: strings.TrimSpace(word)})
	}
	return list, nil
}

// put sets the value behind a path of keys.
func put(root *yaml.Node, path []string, value *yaml.Node) {
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value != path[0] {
			continue
		}
		if len(path) == 1 {
			root.Content[i+1] = value
		} else {
			put(root.Content[i+1], path[1:], value)
		}
		return
	}
	if len(path) > 1 {
		section := &yaml.Node{Kind: yaml.MappingNode}
		put(section, path[1:], value)
		value = section
	}
	root.Content = append(root.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: path[0]}, value)
}

// places are where a file is looked for that was not named: ours, then tsiam's.
// The current directory is not searched: it can belong to another user.
func places(home string) (all []string) {
	dirs := []string{"/etc/tailjoin-sts", filepath.Join(home, ".tsiam"), "/etc/tsiam"}
	if !filepath.IsAbs(home) {
		dirs = slices.Delete(dirs, 1, 2)
	}
	for _, dir := range dirs {
		all = append(all, filepath.Join(dir, "config.yaml"), filepath.Join(dir, "config.yml"))
	}
	return all
}

// Find returns the configuration file: the one that is named, else the first
// of the usual ones that there is, else "".
func Find(named string, env func(string) string) string {
	for _, path := range []string{named, env("TAILJOIN_STS_CONFIG"), env("TSIAM_CONFIG")} {
		if path != "" {
			return path
		}
	}
	all := places(env("HOME"))
	i := slices.IndexFunc(all, func(path string) bool {
		info, err := os.Stat(path)
		return err == nil && info.Mode().IsRegular()
	})
	if i < 0 {
		return ""
	}
	return all[i]
}

// readSecrets gets the secrets that are in files of their own.
func (c *Config) readSecrets() error {
	for _, setting := range Settings() {
		s, ok := valueOf(c, setting.Path).Addr().Interface().(*Secret)
		if !ok {
			continue
		}
		path, ok := strings.CutPrefix(s.Reveal(), "file:")
		if !ok {
			continue
		}
		raw, err := ownfile.Read(path, ownfile.Shared)
		if err == nil && len(strings.TrimSpace(string(raw))) == 0 {
			err = &fs.PathError{Op: "read", Path: path, Err: errors.New("it is empty")}
		}
		if err != nil {
			return diag.Input("a secret cannot be read from its file", "see that this user can read the file, that it holds the secret and nothing else, and that no other user can write it",
				diag.Fact{Name: "because", Value: err.Error()})
		}
		s.Text = secret.New(strings.TrimSpace(string(raw)))
	}
	return nil
}

func wrong(file string, err error) error {
	return diag.Input("the configuration cannot be read", "docs/token-service.md says what each key takes",
		diag.Fact{Name: "file", Value: file}, diag.Fact{Name: "because", Value: fmt.Sprint(err)})
}
