package trust

import (
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// An issuerForm is what is known of one issuer's tokens.
type issuerForm struct {
	platform string // as package idtoken calls it
	issuer   lazy.Pattern
	varies   lazy.Pattern // parts of the subject that differ from run to run, in groups; "": none
	fixed    bool         // nobody but the issuer decides on the audience
}

// issuers are those whose subjects are known part by part.
var issuers = []issuerForm{
	{"github", `^https://token\.actions\.|/_services/token$`, "", false},
	{"forgejo", `^https://[^/]+/(.+/)?api/actions$`, "", false},
	{"gitlab", `^https://gitlab\.`, "", false},
	{"buildkite", `^https://agent\.buildkite\.com$`, `:commit:([^:]*):step:(.*)$`, false},
	{"circleci", `^https://oidc\.circleci\.com`, `/user/([^/]*)`, false},
	{"bitbucket", `^https://api\.bitbucket\.org/`, `^\{[^}]*\}(?::\{[^}]*\})?:(\{[^}]*\})$`, false},
	{"namespace", `^https://federation\.namespaceapis\.com$`, `/([^/]*)$`, false},
	{"fly", `^https://oidc\.fly\.io/`, `^[^:]*:[^:]*:(.*)$`, false},
	{"azure-devops", `^https://vstoken\.dev\.azure\.com/`, "", true},
	{"semaphore", `^https://[^/]*\.semaphoreci\.com$`, "", true},
	{"spacelift", `^https://[^/]*\.app\.spacelift\.io$`, "", true},
	{"vercel", `^https://oidc\.vercel\.com`, "", true},
}

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
	i := slices.IndexFunc(issuers, func(f issuerForm) bool { return f.issuer.Matches(c.Issuer) })
	if i < 0 {
		w.Audience = ownAudience(c)
		w.Notes = append(w.Notes, "the issuer is not one that tailjoin knows: if a part of the subject differs from run to run,\nmake the credential by tailjoin trust create, with a * there")
		return w, nil
	}
	f := issuers[i]
	w.Platform = f.platform
	w.Claims = stable(c)
	if f.varies != "" {
		w.Subject = starred(c.Subject, f.varies)
	}
	if f.fixed {
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

// starred puts a * in the place of each group that matched.
func starred(text string, parts lazy.Pattern) string {
	match := parts.Regexp().FindStringSubmatchIndex(text)
	for i := len(match) - 2; i >= 2; i -= 2 {
		text = text[:match[i]] + "*" + text[match[i+1]:]
	}
	return text
}
