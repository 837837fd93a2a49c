package idtoken

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// A Wish is what the user said of the source. The zero value takes what the
// environment speaks of.
type Wish struct {
	Source  string      // name of a row; or env:NAME, file:PATH, url:URL, command:WORDS
	Token   secret.Text // the token itself, instead of a source
	Headers secret.Text // for url: lines of "Name: value"; ${NAME} is a variable
	Body    string      // for url: it is sent with POST
	Key     string      // of the token, in an answer that is JSON; "" tries the usual ones
	STS     string      // for sts: address of the token service
	Proxy   string      // for sts: HTTP proxy by which the tailnet can be reached; "" is none

	Environ []string // NAME=VALUE that a command inherits; nil is all that this process has
	Root    string   // where the platforms' own paths begin; "" is the file system's
}

// generic are the sources that the user describes.
var generic = []struct {
	prefix, form string
	open         func(Wish, string) (Source, error)
}{
	{"env:", "env:NAME", variable},
	{"file:", "file:PATH", file},
	{"url:", "url:URL", address},
	{"command:", "command:WORDS", command},
}

// Choose returns the source that w names, else the one that the environment
// speaks of. The network is not asked.
func Choose(env Env, w Wish) (Source, error) {
	if err := w.check(); err != nil {
		return Source{}, err
	}
	if !w.Token.IsZero() {
		return given(w), nil
	}
	for _, g := range generic {
		if rest, ok := strings.CutPrefix(w.Source, g.prefix); ok {
			return g.open(w, rest)
		}
	}
	if w.Source != "" {
		return named(w)
	}
	return detect(env, w)
}

func (w Wish) check() error {
	of := func(prefixes ...string) bool {
		return slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(w.Source, p) })
	}
	if (!w.Headers.IsZero() || w.Body != "") && !of("url:") {
		return diag.Input("id-token-headers and id-token-body are for a source that is a URL", "give id-token-source: url:https://…, or leave them out")
	}
	if w.Key != "" && !of("env:", "file:", "url:", "command:") {
		return diag.Input("id-token-key is for a source of your own", "give id-token-source: url:…, command:…, file:… or env:…, or leave it out")
	}
	if w.STS != "" {
		_, err := STSTarget(w.STS)
		return err
	}
	return nil
}

func named(w Wish) (Source, error) {
	i := slices.IndexFunc(sources, func(s Source) bool { return s.Name == w.Source })
	if i < 0 {
		return Source{}, diag.Input("id-token-source names no source of ID tokens", "it is one of\n"+valid(), shown(w.Source))
	}
	return with(sources[i], w), nil
}

// shown is what was given, unless it may be a token itself.
func shown(given string) diag.Fact {
	if len(given) > 64 || strings.Count(given, ".") > 1 {
		given = fmt.Sprintf("a text of %d characters; a token itself goes into a variable or a file, which env: or file: names", len(given))
	}
	return diag.Fact{Name: "given", Value: given}
}

func valid() string {
	var forms, lines []string
	for _, g := range generic {
		forms = append(forms, g.form)
	}
	for some := range slices.Chunk(Names(), 12) {
		lines = append(lines, strings.Join(some, ", "))
	}
	return strings.Join(lines, ",\n") + "; or " + strings.Join(forms, ", ")
}

// Names are the names of all sources, in the order in which they are detected.
func Names() (all []string) {
	for _, s := range sources {
		all = append(all, s.Name)
	}
	return all
}

// Sources is the table.
func Sources() []Source { return slices.Clone(sources) }

func detect(env Env, w Wish) (Source, error) {
	for _, s := range sources {
		if s.detect != nil && s.detect(env) {
			return with(s, w), nil
		}
	}
	return Source{}, &diag.Problem{
		Code:    "no-id-token",
		Summary: "the environment speaks of no source of ID tokens",
		Hint:    "name one with id-token-source, or give authkey or oauth-secret. The sources are\n" + valid(),
	}
}

func with(s Source, w Wish) Source {
	s.wish = w
	return s
}
