package exchange_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/exchange"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
)

const api = "https://api.example.com"

// rule trusts pushes to a repository.
func rule(t *testing.T) exchange.Rule {
	t.Helper()
	audience, err := policy.ParsePattern(api)
	if err != nil {
		t.Fatal(err)
	}
	as, err := exchange.Words.Template(exchange.DefaultSubject)
	if err != nil {
		t.Fatal(err)
	}
	r := exchange.Rule{
		Name: "exchange.trust[0]", Issuer: "https://issuer.example", Audience: "https://sts.example.com",
		Subject: "repo:acme/web:*", Require: map[string]string{"ref": "refs/heads/*"},
		Audiences: []policy.Pattern{audience}, Lifetime: time.Minute, As: as,
	}
	if err := r.Check(); err != nil {
		t.Fatal(err)
	}
	return r
}

// good are claims that the rule trusts.
func good() exchange.Claims {
	return exchange.Claims{"iss": "https://issuer.example", "aud": "https://sts.example.com", "sub": "repo:acme/web:push", "ref": "refs/heads/main"}
}

func TestDecide_trustsWhatARuleSaysAndNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(exchange.Claims)
		want  error
	}{
		"as the rule says":              {func(exchange.Claims) {}, nil},
		"for several audiences":         {func(c exchange.Claims) { c["aud"] = []any{"x", "https://sts.example.com"} }, nil},
		"of another issuer":             {func(c exchange.Claims) { c["iss"] = "https://issuer.example/" }, exchange.NotTrusted},
		"without an issuer":             {func(c exchange.Claims) { delete(c, "iss") }, exchange.NotTrusted},
		"for another audience":          {func(c exchange.Claims) { c["aud"] = "https://sts.example.com/" }, exchange.NotTrusted},
		"for several others":            {func(c exchange.Claims) { c["aud"] = []any{"x", "y"} }, exchange.NotTrusted},
		"without an audience":           {func(c exchange.Claims) { delete(c, "aud") }, exchange.NotTrusted},
		"of another subject":            {func(c exchange.Claims) { c["sub"] = "repo:acme/web2:push" }, exchange.NotTrusted},
		"without a subject":             {func(c exchange.Claims) { delete(c, "sub") }, exchange.NotTrusted},
		"with a list of subjects":       {func(c exchange.Claims) { c["sub"] = []any{"repo:acme/web:push"} }, exchange.NotTrusted},
		"with another value of a claim": {func(c exchange.Claims) { c["ref"] = "refs/tags/v1" }, exchange.NotTrusted},
		"without a claim":               {func(c exchange.Claims) { delete(c, "ref") }, exchange.NotTrusted},
	} {
		p := &exchange.Policy{Rules: []exchange.Rule{rule(t)}}
		claims := good()
		c.spoil(claims)
		d, err := p.Decide(claims, api)
		if err != c.want || (err == nil) != (d.Subject == "https://issuer.example|repo:acme/web:push") {
			t.Errorf("a token %s: %+v, %v; want %v", name, d, err, c.want)
		}
	}
}

// A pattern that covers everything covers no claim that is missing or empty.
func TestDecide_anEmptyClaimMatchesNoPattern(t *testing.T) {
	for _, pattern := range []string{"*", "**"} {
		r := rule(t)
		r.Require = map[string]string{"ref": pattern}
		p := &exchange.Policy{Rules: []exchange.Rule{r}}
		claims := good()
		for value, want := range map[any]error{"main": nil, "": exchange.NotTrusted, nil: exchange.NotTrusted} {
			claims["ref"] = value
			if _, err := p.Decide(claims, api); err != want {
				t.Errorf("%q and the claim %q: %v, want %v", pattern, value, err, want)
			}
		}
	}
}

func TestDecide_holdsTheAudienceAgainstTheRule(t *testing.T) {
	p := &exchange.Policy{Rules: []exchange.Rule{rule(t)}}
	for audience, want := range map[string]error{api: nil, api + "/": exchange.NotPermitted, "": exchange.NotPermitted, "https://other.example.com": exchange.NotPermitted} {
		if d, err := p.Decide(good(), audience); err != want || want == nil && d.Lifetime != time.Minute {
			t.Errorf("%q: %+v, %v; want %v", audience, d, err, want)
		}
	}
}

func TestDecide_makesASubjectWholeOrNotAtAll(t *testing.T) {
	r := rule(t)
	as, err := exchange.Words.Template("{extra}")
	if err != nil {
		t.Fatal(err)
	}
	r.As = as
	p := &exchange.Policy{Rules: []exchange.Rule{r}}
	for value, want := range map[any]error{
		"x": nil, strings.Repeat("x", 255): nil, strings.Repeat("x", 256): exchange.NoSubject, "a\nb": exchange.NoSubject, "": exchange.NoSubject, nil: exchange.NoSubject,
	} {
		claims := good()
		claims["extra"] = value
		if _, err := p.Decide(claims, api); err != want {
			t.Errorf("a subject made of %q: %v, want %v", value, err, want)
		}
	}
}

func TestCheck_refusesARuleThatTrustsEveryone(t *testing.T) {
	for name, spoil := range map[string]func(*exchange.Rule){
		"a subject of stars":       func(r *exchange.Rule) { r.Subject = "**" },
		"no subject":               func(r *exchange.Rule) { r.Subject = "" },
		"no audiences":             func(r *exchange.Rule) { r.Audiences = nil },
		"a path that cannot be":    func(r *exchange.Rule) { r.Require = map[string]string{"": "x"} },
		"a pattern that cannot be": func(r *exchange.Rule) { r.Require = map[string]string{"ref": "***"} },
	} {
		r := rule(t)
		spoil(&r)
		if r.Check() == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}
