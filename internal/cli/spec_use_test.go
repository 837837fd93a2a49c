package cli

import (
	"context"
	"testing"

	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// A spec fills what the inputs leave open, and false is a value like true.
func TestFillFrom_keepsWhatTheInputsSay(t *testing.T) {
	yes, no := true, false
	for name, c := range map[string]struct{ input, spec, want *bool }{
		"neither":               {nil, nil, nil},
		"the spec":              {nil, &no, &no},
		"the input":             {&yes, nil, &yes},
		"the input, which wins": {&yes, &no, &yes},
		"an input of false":     {&no, &yes, &no},
	} {
		in := inputs{acceptDNS: c.input}
		in.fillFrom(spec.Spec{AcceptDNS: c.spec}, spec.Naming{})
		if got := in.acceptDNS; (got == nil) != (c.want == nil) || got != nil && *got != *c.want {
			t.Errorf("%s: accept-dns differs", name)
		}
	}
}

// The token that was compared with the spec is used for the first request. Later
// requests need a fresh one.
func TestFirst_usesTheTokenOnce(t *testing.T) {
	fresh := 0
	next := first(tokenOf("compared"), func(_ context.Context, audience string) (idtoken.Token, error) {
		fresh++
		return tokenOf(audience), nil
	})
	for i, want := range []string{"compared", "asked", "asked"} {
		if token, err := next(t.Context(), "asked"); err != nil || token.Reveal() != want || fresh != i {
			t.Errorf("request %d: the token %q, %d fresh tokens, %v", i+1, token.Reveal(), fresh, err)
		}
	}
}

func tokenOf(text string) idtoken.Token { return idtoken.Token{Text: secret.New(text)} }
