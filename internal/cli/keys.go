package cli

import (
	"slices"
	"strings"

	"github.com/kballard/go-shellquote"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// keyKinds are the kinds of Tailscale's keys: what people call them, and the
// input that takes them.
var keyKinds = map[string]struct{ name, input string }{
	"auth":    {"an auth key", "authkey"},
	"client":  {"the secret of an OAuth client", "oauth-secret"},
	"api":     {"an API key", "api-key"},
	"scim":    {"a SCIM key", ""},
	"webhook": {"the secret of a webhook", ""},
	"":        {"a key of Tailscale", ""},
}

const inArgs = "input args"

// keysTaken are the places that take keys, and of which kinds. tailscale up
// takes an OAuth client's secret instead of an auth key, too.
var keysTaken = map[string][]string{
	"input authkey":                {"auth", "client", ""},
	"input oauth-secret":           {"client", ""},
	"input api-key":                {"api", ""},
	"--auth-key in " + inArgs:      {"auth", "client", ""},
	"--client-secret in " + inArgs: {"client", ""},
}

// anySecret are the inputs that may hold what is secret elsewhere: they are
// checked where they are read, or go only where the user says.
var anySecret = []string{"input specs", "input id-token-headers", "input id-token-body", "input id"}

// anyToken are those that may name a server or a program with a token.
var anyToken = []string{"id-token-source", "id-token-body", "args", "tailscaled-args"}

// checkKeys refuses a key of Tailscale in a place that does not take it: what
// stands there is sent on and shown. where is "input NAME" or "an argument".
func (p parser) checkKeys(where, value string) error {
	for _, key := range secret.Keys(value) {
		p.job.Mask(key.Text)
	}
	switch {
	case slices.Contains(anySecret, where):
		return nil
	case where == inArgs:
		return p.checkArgs(value)
	}
	return p.checkPlace(where, value)
}

func (p parser) checkPlace(where, value string) error {
	for _, key := range secret.Keys(value) {
		if !slices.Contains(keysTaken[where], key.Kind) {
			return p.misplaced(where, key.Kind)
		}
	}
	return nil
}

// checkArgs looks at the flags of tailscale up, of which two take a key.
func (p parser) checkArgs(value string) error {
	words, err := shellquote.Split(value)
	if err != nil {
		words = strings.Fields(value) // it is refused later
	}
	where := inArgs
	for _, word := range words {
		name, rest, hasValue := strings.Cut(word, "=")
		of := "--" + strings.TrimLeft(name, "-") + " in " + inArgs
		switch takesKey := keysTaken[of] != nil && strings.HasPrefix(name, "-"); {
		case takesKey && !hasValue: // the next word is its value
			where = of
			continue
		case takesKey:
			where, word = of, rest
		}
		if err := p.checkPlace(where, word); err != nil {
			return err
		}
		where = inArgs
	}
	return nil
}

func (p parser) misplaced(where, kind string) error {
	is := keyKinds[kind]
	hint := "no input takes it"
	switch {
	case is.input != "" && p.fs.Lookup(is.input) != nil:
		hint = "it belongs in the input " + is.input
	case is.input != "":
		hint = "tailjoin " + p.fs.Name() + " takes none"
	}
	return diag.Input(where+" holds "+is.name, hint+".\nIt was not sent anywhere, but replace it if others can read the place where it stands")
}

// checkToken refuses secrets of others in an input that is shown.
func (p parser) checkToken(input, value string) error {
	if slices.Contains(anyToken, input) || !spec.LooksSecret(value) || len(secret.Keys(value)) > 0 {
		return nil
	}
	p.job.Mask(secret.New(value))
	return diag.Input("input "+input+" holds a token", "this input takes no secret: what it holds is sent on and shown in logs")
}
