package diagnosis

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/idtoken"
)

// refused is a refusal of a push to main of acme/web by Tailscale itself.
func refused(change func(*Evidence)) Evidence {
	e := Evidence{
		ClientID: "T1CNTRL-k2CNTRL", Audience: "api.tailscale.com/T1CNTRL-k2CNTRL", Status: 403, Message: "Unauthorized", Now: time.Unix(1000, 0),
		Token: idtoken.Token{Claims: idtoken.Claims{
			Issuer: "https://token.actions.githubusercontent.com", Subject: "repo:acme/web:ref:refs/heads/main", Audience: []string{"api.tailscale.com/T1CNTRL-k2CNTRL"},
			Expires: time.Unix(1300, 0), All: map[string]any{"event_name": "push"},
		}},
	}
	change(&e)
	return e
}

func TestOf_putsTheLikeliestCauseFirst(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Evidence)
		field  string
		says   string
	}{
		"a push":                     {func(*Evidence) {}, "subject", "has no environment"},
		"an issuer on this machine":  {func(e *Evidence) { e.Token.Claims.Issuer = "http://127.0.0.1:80" }, "issuer", "not an https:// address"},
		"a local tailnet's issuer":   {func(e *Evidence) { e.Token.Claims.Issuer, e.Local = "http://127.0.0.1:80", true }, "subject", ""},
		"an issuer on the network":   {func(e *Evidence) { e.Token.Claims.Issuer = "https://192.168.1.1" }, "issuer", "cannot reach"},
		"an audience of one's own":   {func(e *Evidence) { e.give("https://ci.acme.example") }, "audience", "https://ci.acme.example"},
		"the audience that is usual": {func(e *Evidence) { e.AudienceGiven = true }, "subject", ""},
		"an environment beside an audience": {func(e *Evidence) {
			e.give("https://ci.acme.example")
			e.Token.Claims.Subject = "repo:acme/web:environment:prod"
		}, "subject", "environment prod"},
		"an unknown client":              {func(e *Evidence) { e.Status, e.Message = 401, "invalid client" }, "client ID", "knows no federated identity"},
		"an answer about the issuer":     {func(e *Evidence) { e.Message = "issuer is not trusted" }, "issuer", ""},
		"the API's clock is far ahead":   {func(e *Evidence) { e.Date = time.Unix(2000, 0) }, "time", "by the API's clock"},
		"the API's clock is a bit ahead": {func(e *Evidence) { e.Date = time.Unix(1004, 0) }, "subject", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := Of(t.Context(), refused(c.change))
			if first := d.Causes[0]; first.Field != c.field || !strings.Contains(first.Reason+first.Fix, c.says) {
				t.Errorf("the first cause is %+v, want %s with %q", first, c.field, c.says)
			}
			for i := range d.Causes[1:] {
				if d.Causes[i].weight < d.Causes[i+1].weight {
					t.Errorf("the causes are in no order: %+v", d.Causes)
				}
			}
		})
	}
}

// give asks for an audience by an input.
func (e *Evidence) give(audience string) {
	e.Audience, e.AudienceGiven, e.Token.Claims.Audience = audience, true, []string{audience}
}

// What is certain leaves no other cause.
func TestOf_whatIsCertainStandsAlone(t *testing.T) {
	d := Of(t.Context(), refused(func(e *Evidence) { e.ClientID = "k2CNTRL" }))
	if len(d.Causes) != 1 || !d.Causes[0].Certain() {
		t.Errorf("causes: %+v", d.Causes)
	}
}

// The large platforms' issuers are not asked, nor those that Tailscale cannot
// reach. Another one that verifies the token rules the signature out.
func TestOf_asksTheIssuerOnlyIfThatTells(t *testing.T) {
	for issuer, asked := range map[string]bool{
		"https://token.actions.githubusercontent.com": false, "https://gitlab.com": false, "https://10.1.1.1": false, "http://gitlab.acme.example": false,
		"https://gitlab.acme.example": true,
	} {
		was := false
		d := Of(t.Context(), refused(func(e *Evidence) {
			e.Token.Claims.Issuer = issuer
			e.Verify = func(ctx context.Context, _ idtoken.Token) error {
				was = true
				if _, ok := ctx.Deadline(); !ok {
					t.Error("there is no limit")
				}
				return nil
			}
		}))
		if was != asked || (len(d.RuledOut) > 0) != asked {
			t.Errorf("%s: asked %t, ruled out %q; want %t", issuer, was, d.RuledOut, asked)
		}
	}
}

// An error that is not a verdict on the token is no
// cause.
func TestOf_anIssuerThatFailsOddly(t *testing.T) {
	d := Of(t.Context(), refused(func(e *Evidence) {
		e.Token.Claims.Issuer = "https://gitlab.acme.example"
		e.Verify = func(context.Context, idtoken.Token) error { return errors.New("odd") }
	}))
	if d.Causes[0].Field != "subject" || d.RuledOut != nil {
		t.Errorf("%+v", d)
	}
}
