package access

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/kballard/go-shellquote"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/diagnosis"
	"github.com/tailjoin/tailjoin/internal/httpurl"
	"github.com/tailjoin/tailjoin/internal/idtoken"
)

// identityRefused says what the trust credential must hold. Tailscale does not
// say which part of the token it did not like: the likeliest one comes first.
func (r Request) identityRefused(ctx context.Context, err error, token idtoken.Token, now time.Time) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("exchanging ID token: %w", err)
	answer, ok := Refusal(err)
	switch {
	case !ok:
		return err
	case r.elsewhere(answer):
		return r.noExchange(err)
	case answer.Foreign:
		return webPage(err, apiFacts(r.API))
	}
	d := diagnosis.Of(ctx, diagnosis.Evidence{
		Job: r.Job, Token: token, ClientID: r.ClientID, Audience: r.Audience, Local: r.isLocal(),
		Status: answer.Status, Message: answer.Message, Date: answer.Date, Now: now,
	})
	return &diag.Problem{
		Code: "wif-refused", Summary: refusalSummary(d.Causes[0]), Err: err,
		Facts: r.refusalFacts(token.Claims, d), Hint: r.refusalHint(token.Claims, d),
	}
}

func refusalSummary(c diagnosis.Cause) string {
	if c.Evident() {
		return "Tailscale refused this job's identity: " + c.Reason
	}
	return "Tailscale refused this job's identity, probably for " + c.Whose() + ": " + c.Reason
}

func (r Request) refusalFacts(c idtoken.Claims, d diagnosis.Diagnosis) []diag.Fact {
	facts := []diag.Fact{
		{Name: "issuer", Value: c.Issuer},
		{Name: "subject", Value: c.Subject},
		{Name: "audience", Value: strings.Join(c.Audience, ", ")},
		{Name: "client", Value: r.ClientID},
	}
	var claims []string
	for _, claim := range d.Claims {
		claims = append(claims, claim.Name+"="+claim.Value)
	}
	if len(claims) > 0 {
		facts = append(facts, diag.Fact{Name: "claims", Value: strings.Join(claims, "\n")})
	}
	if len(d.RuledOut) > 0 {
		facts = append(facts, diag.Fact{Name: "ruled out", Value: strings.Join(d.RuledOut, ", ")})
	}
	return facts
}

// refusalHint is what to change, by likelihood, and how to be sure.
func (r Request) refusalHint(c idtoken.Claims, d diagnosis.Diagnosis) string {
	first := d.Causes[0]
	if first.Certain() {
		return first.Fix + "\nThe trust credentials: " + Credentials
	}
	lines := []string{"compare the trust credential of this client with the token: " + Credentials}
	for i, cause := range d.Causes {
		fix := strings.ReplaceAll(cause.Fix, "\n", "\n   ")
		lines = append(lines, fmt.Sprintf("%d. %s: %s", i+1, cause.Field, fix))
	}
	expect := shellquote.Join("issuer="+c.Issuer, "subject="+c.Subject)
	lines = append(lines, "To know for sure: tailjoin trust check "+r.ClientID+" with an oauth-secret that may see it; or in this job,\n"+
		"with what the credential has:\n  tailjoin token inspect --verify --expect "+strings.Replace(expect, " ", " --expect ", 1))
	return strings.Join(lines, "\n")
}

// isLocal reports that the API is on this machine.
func (r Request) isLocal() bool {
	u, err := url.Parse(r.API.BaseURL)
	return err == nil && httpurl.IsLoopback(u.Hostname())
}
