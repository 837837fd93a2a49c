package config_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
)

// trusting is the least file with rules for exchange.
func trusting(rules string) string {
	return least + "exchange:\n  trust:\n" + rules
}

const pushes = `
    - issuer: https://token.actions.githubusercontent.com
      subject: repo:acme/web:ref:refs/heads/main
      require: { repository_id: "2002" }
      allowedAudiences: [https://api.example.com]
      as: "ci:{repository}"
      claims: { who: "{actor}", level: 3 }
      lifetime: 2m30s
`

func TestExchange_isReadAsItIsWritten(t *testing.T) {
	c := mustLoad(t, trusting(pushes))
	p, err := c.ExchangePolicy("https://sts.example.com")
	if err != nil {
		t.Fatal(err)
	}
	claims := map[string]any{
		"iss": "https://token.actions.githubusercontent.com", "sub": "repo:acme/web:ref:refs/heads/main", "aud": "https://sts.example.com",
		"repository_id": "2002", "repository": "acme/web", "actor": "octocat",
	}
	d, err := p.Decide(claims, "https://api.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if d.Rule != "exchange.trust[0]" || d.Subject != "ci:acme/web" || d.Lifetime != 150*time.Second {
		t.Errorf("%+v", d)
	}
	if diff := cmp.Diff(map[string]any{"who": "octocat", "level": 3}, d.Claims); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := p.Decide(claims, "sts.amazonaws.com"); err == nil {
		t.Error("another audience")
	}
}

func TestExchange_anIDTokenMayBeForAnotherAudience(t *testing.T) {
	c := mustLoad(t, trusting(strings.Replace(pushes, "      subject:", "      audience: https://other.example.com\n      subject:", 1)))
	p, err := c.ExchangePolicy("https://sts.example.com")
	if err != nil || p.Rules[0].Audience != "https://other.example.com" {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestExchange_refusesWhatCannotBeMeant(t *testing.T) {
	change := func(old, new string) string {
		if !strings.Contains(pushes, old) {
			t.Fatalf("no %q", old)
		}
		return trusting(strings.Replace(pushes, old, new, 1))
	}
	const issuer, subject = "https://token.actions.githubusercontent.com", "repo:acme/web:ref:refs/heads/main"
	for name, c := range map[string]struct{ content, want string }{
		"an issuer over plain http":      {change(issuer, "http://issuer.example"), "exchange.trust[0].issuer"},
		"an issuer that is no address":   {change(issuer, "accounts.google.com"), "exchange.trust[0].issuer"},
		"no issuer":                      {change(issuer, `""`), "exchange.trust[0].issuer"},
		"a password in the issuer":       {change(issuer, "https://user:pass@issuer.example"), "exchange.trust[0].issuer"},
		"no subject":                     {change(subject, `""`), "an empty pattern"},
		"every subject":                  {change(subject, `"**"`), "whoever the issuer knows"},
		"three stars":                    {change(subject, `"repo:***"`), "three stars"},
		"an empty claim":                 {change(`repository_id: "2002"`, `repository_id: ""`), "require repository_id"},
		"the path of no claim":           {change("repository_id:", "a..b:"), `require "a..b"`},
		"no audience":                    {change("[https://api.example.com]", "[]"), "allowedAudiences is empty"},
		"an audience that is not listed": {change("https://api.example.com]", "https://unlisted.example.com]"), "tokens.allowedAudiences does not have it"},
		"an odd subject":                 {change("{repository}", "{}"), "exchange.trust[0].as"},
		"a claim that every token has":   {change("who:", "sub:"), "exchange.trust[0].claims"},
		"a lifetime that is too long":    {change("2m30s", "2h"), "exchange.trust[0].lifetime"},
		"a misspelled key":               {change("require:", "requires:"), "exchange.trust.requires"},
		"Funnel without Funnel":          {trusting(pushes) + "  funnel: true\n", "tsnet.funnel"},
		"Funnel to nothing":              {least + "tsnet: {funnel: true}\nexchange: {funnel: true}\n", "exchange.trust is empty"},
	} {
		_, err := load(t, c.content)
		if p := diag.As(err); err == nil || !p.Input || !strings.Contains(p.Text(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
