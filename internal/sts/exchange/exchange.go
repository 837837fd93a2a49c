// Package exchange decides whose ID token becomes which token of the service
// (RFC 8693), by the trust rules of its configuration. It does no I/O and
// verifies nothing: the claims that it is given have to be those of a token
// that was verified.
package exchange

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
)

// A Policy is trust rules: the first that fits the ID token and the audience
// counts.
type Policy struct{ Rules []Rule }

// A Rule trusts some of an issuer's ID tokens, and says what they become.
type Rule struct {
	Name string // its place in the configuration, for the audit: exchange.trust[0]

	Issuer   string            // letter by letter
	Audience string            // the ID token has to be for it
	Subject  string            // a pattern, see spec.Covers
	Require  map[string]string // further claims, by their path: patterns, too

	Audiences []policy.Pattern         // that may be asked for
	Lifetime  time.Duration            // at most; zero is what the audience has
	As        *policy.Template[Claims] // the new token's subject
	Claims    policy.Claims[Claims]    // and its further claims
}

// Claims are those of an ID token, decoded.
type Claims = map[string]any

// A Decision is what becomes of an ID token. What a refusal did not reach is
// empty.
type Decision struct {
	Rule     string // its name
	Subject  string
	Lifetime time.Duration // at most; zero is what the audience has
	Claims   map[string]any
}

// A Refusal is why an ID token becomes nothing.
type Refusal string

const (
	NotTrusted   Refusal = "subject_not_trusted"    // no rule fits the ID token
	NotPermitted Refusal = "audience_not_permitted" // some do, and none is for the audience
	NoSubject    Refusal = "subject_not_usable"     // the rule's template makes none of it
)

func (r Refusal) Error() string { return string(r) }

// Issuers are those that a rule trusts, each once.
func (p *Policy) Issuers() (all []string) {
	for _, r := range p.Rules {
		if !slices.Contains(all, r.Issuer) {
			all = append(all, r.Issuer)
		}
	}
	return all
}

// Decide holds an ID token, and the audience that its bearer asks for, against
// the rules. The error is a Refusal.
func (p *Policy) Decide(c Claims, audience string) (Decision, error) {
	refusal := NotTrusted
	for _, r := range p.Rules {
		if !r.trusts(c) {
			continue
		}
		if !slices.ContainsFunc(r.Audiences, func(a policy.Pattern) bool { return a.Match(audience) }) {
			refusal = NotPermitted
			continue
		}
		return r.decide(c)
	}
	return Decision{}, refusal
}

func (r *Rule) trusts(c Claims) bool {
	if c["iss"] != r.Issuer || !isFor(c["aud"], r.Audience) || !covers(r.Subject, c["sub"]) {
		return false
	}
	for path, pattern := range r.Require {
		if !covers(pattern, spec.Claim(c, path)) {
			return false
		}
	}
	return true
}

// isFor: aud is a text or a list of texts (RFC 7519, section 4.1.3).
func isFor(aud any, audience string) bool {
	list, ok := aud.([]any)
	if !ok {
		list = []any{aud}
	}
	return slices.Contains(list, any(audience))
}

func covers(pattern string, value any) bool {
	text, ok := spec.ClaimText(value)
	return ok && text != "" && spec.Covers(pattern, text)
}

const longestSubject = 255 // bytes; OpenID Connect Core 1.0, section 2

func (r *Rule) decide(c Claims) (Decision, error) {
	d := Decision{Rule: r.Name, Lifetime: r.Lifetime}
	subject, ok := r.As.Of(c)
	if !ok || len(subject) > longestSubject || strings.ContainsFunc(subject, unicode.IsControl) {
		return d, NoSubject
	}
	d.Subject, d.Claims = subject, r.Claims.Of(c)
	return d, nil
}

// Words is the vocabulary of a rule's templates: the claims of the ID token,
// by their paths.
var Words = policy.Vocabulary[Claims]{
	Text: func(path string) func(Claims) (string, bool) {
		if spec.CheckPath(path) != nil {
			return nil
		}
		return func(c Claims) (string, bool) {
			text, ok := spec.ClaimText(spec.Claim(c, path))
			return text, ok && text != ""
		}
	},
	Whole: func(path string) func(Claims) any {
		if spec.CheckPath(path) != nil {
			return nil
		}
		return func(c Claims) any { return spec.Claim(c, path) }
	},
	Words: "that claims of the ID token are: {sub}, {repository}, {user.name} …",
}

// DefaultSubject tells who it is and who says so: no node has such a subject,
// and no other issuer's workload.
const DefaultSubject = "{iss}|{sub}"

// Check reports a rule that cannot be meant.
func (r *Rule) Check() error {
	if err := spec.CheckPattern(r.Subject); err != nil {
		return fmt.Errorf("subject %q: %w", r.Subject, err)
	}
	if strings.Trim(r.Subject, "*") == "" {
		return errors.New("subject: whoever the issuer knows would be trusted")
	}
	for path, pattern := range r.Require {
		if err := spec.CheckPath(path); err != nil {
			return fmt.Errorf("require %q: %w", path, err)
		}
		if err := spec.CheckPattern(pattern); err != nil {
			return fmt.Errorf("require %s: %q: %w", path, pattern, err)
		}
	}
	if len(r.Audiences) == 0 {
		return errors.New("allowedAudiences is empty, so it is of no use")
	}
	return nil
}
