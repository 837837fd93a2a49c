// Package issuers is what is known of the ID tokens of each CI platform's issuer.
package issuers

import "github.com/tailjoin/tailjoin/internal/lazy"

// A Form is what is known of one issuer's tokens.
type Form struct {
	Platform string // as package idtoken calls it
	issuer   lazy.Pattern
	varies   lazy.Pattern // parts of the subject that differ from run to run, in groups; "": none
	Fixed    bool         // only the issuer decides on the audience
}

// forms are those whose subjects are known part by part.
var forms = []Form{
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

// Of is the form of an issuer's tokens. ok is false if the issuer is not known.
func Of(issuer string) (form Form, ok bool) {
	for _, f := range forms {
		if f.issuer.Matches(issuer) {
			return f, true
		}
	}
	return Form{}, false
}

// AnyRun is a subject with a * in place of each part that differs from run to run.
func (f Form) AnyRun(subject string) string {
	if f.varies == "" {
		return subject
	}
	match := f.varies.Regexp().FindStringSubmatchIndex(subject)
	for i := len(match) - 2; i >= 2; i -= 2 {
		subject = subject[:match[i]] + "*" + subject[match[i+1]:]
	}
	return subject
}
