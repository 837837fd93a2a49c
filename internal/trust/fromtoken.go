package trust

import (
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/issuers"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// OfToken is the job that a token is of, and its other runs. The token is not
// verified: what it says is what the user means.
func OfToken(c idtoken.Claims, where Where) (Workload, error) {
	if c.Issuer == "" || c.Subject == "" {
		return Workload{}, diag.Input("the token names no issuer, or no subject", "it takes an ID token, as `tailjoin token get` prints it in a job",
			diag.Fact{Name: "issuer", Value: c.Issuer}, diag.Fact{Name: "subject", Value: c.Subject})
	}
	if where.ref() != "" || where.Environment != "" {
		return Workload{}, badProject("a branch or an environment", "none: the token says where its job ran")
	}
	w := Workload{Issuer: c.Issuer, Subject: c.Subject, Name: nameOf("token", c.Subject), Project: "job"}
	form, known := issuers.Of(c.Issuer)
	if !known {
		w.Audience = ownAudience(c)
		w.Notes = append(w.Notes, "the issuer is not one that tailjoin knows: if a part of the subject differs from run to run,\nmake the credential by tailjoin trust create, with a * there")
		return w, nil
	}
	w.Platform, w.Subject, w.Claims = form.Platform, form.AnyRun(c.Subject), stable(c)
	if form.Fixed {
		w.Audience = ownAudience(c)
	}
	return w, nil
}

// stable is the rule for a number that names what a subject names by words:
// GitHub's repository, which a rename or another owner would not change.
func stable(c idtoken.Claims) map[string]string {
	if id := c.Text("repository_id"); id != "" && spec.NameOnly(c.Subject) == "" && strings.HasPrefix(c.Subject, "repo:") {
		return map[string]string{"repository_id": id}
	}
	return nil
}

// ownAudience is one that is not for Tailscale alone: the issuer's own, or one
// that was asked for; "" if Tailscale's is in it.
func ownAudience(c idtoken.Claims) string {
	if len(c.Audience) == 0 || slices.ContainsFunc(c.Audience, func(a string) bool { return strings.HasPrefix(a, "api.tailscale.com/") }) {
		return ""
	}
	return c.Audience[0]
}
