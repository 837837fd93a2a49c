package config

import (
	"reflect"
	"strings"
	"unicode"
)

// A Setting is one key of the configuration, as its field declares it.
type Setting struct {
	Path    []string // such as tokens, lifetime
	Help    string
	Default string
	Secret  bool // it has no flag: a command line is for everybody to see

	flag   string   // "" follows from the path
	before []string // variables of Tailscale's that count if nothing else says it
	choice []string // what it may be; none: anything
	kind   reflect.Type
}

var secretType = reflect.TypeFor[Secret]()

// Settings are all of them, in the order of the fields.
func Settings() []Setting { return settingsOf(nil, reflect.TypeFor[Config]()) }

func settingsOf(path []string, section reflect.Type) (all []Setting) {
	for field := range section.Fields() {
		here := append(append([]string(nil), path...), field.Tag.Get("yaml"))
		if isSection(field.Type) {
			all = append(all, settingsOf(here, field.Type)...)
			continue
		}
		all = append(all, Setting{
			Path: here, Help: field.Tag.Get("help"), Default: field.Tag.Get("default"),
			Secret: field.Type == secretType,
			flag:   field.Tag.Get("flag"),
			before: strings.Fields(field.Tag.Get("before")),
			choice: strings.Fields(field.Tag.Get("one")),
			kind:   field.Type,
		})
	}
	return all
}

// isSection holds for a type whose fields are settings.
func isSection(t reflect.Type) bool { return t.Kind() == reflect.Struct && t != secretType }

// Key is the setting's key in the file: tokens.lifetime.
func (s Setting) Key() string { return strings.Join(s.Path, ".") }

// Flag is its flag, without the dashes: tokens-lifetime, or a shorter one.
func (s Setting) Flag() string {
	if s.flag != "" {
		return s.flag
	}
	return Flag(s.Path)
}

// Flag is the flag that a path of keys would have: no word of it is left out.
func Flag(path []string) string {
	var b strings.Builder
	runes := []rune(strings.Join(path, "-"))
	for i, r := range runes {
		if unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]) && runes[i-1] != '-') {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// Variable is its environment variable: TAILJOIN_STS_TOKENS_LIFETIME.
func (s Setting) Variable() string {
	return "TAILJOIN_STS_" + strings.ToUpper(strings.ReplaceAll(s.Flag(), "-", "_"))
}

// IsBool holds for a flag that needs no value.
func (s Setting) IsBool() bool {
	return s.kind.Kind() == reflect.Bool || s.kind.Kind() == reflect.Pointer && s.kind.Elem().Kind() == reflect.Bool
}

// isText holds for a setting whose value is one word of YAML, whatever it is.
func (s Setting) isText() bool {
	return s.kind.Kind() != reflect.Slice && s.kind.Kind() != reflect.Map
}
