package github

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	gh "github.com/google/go-github/v66/github"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
)

// An Error is an answer of GitHub that is not 2xx.
type Error struct {
	Status  int
	Message string      // GitHub's own words
	Header  http.Header // of the answer
}

func (e *Error) Error() string {
	text := fmt.Sprintf("%d %s", e.Status, http.StatusText(e.Status))
	if e.Message == "" || e.Message == http.StatusText(e.Status) {
		return text
	}
	return text + ": " + e.Message
}

// IsStatus reports that GitHub answered with this status.
func IsStatus(err error, status int) bool {
	answer, ok := errors.AsType[*Error](err)
	return ok && answer.Status == status
}

// mark takes an answer out of go-github's types, and marks what may pass.
func mark(err error) error {
	if wait, ok := limitedFor(err); ok {
		return &retry.Later{Err: err, After: wait}
	}
	refused, ok := errors.AsType[*gh.ErrorResponse](err)
	if !ok {
		return retry.Network(retry.Answer(err))
	}
	answer := &Error{refused.Response.StatusCode, message(refused), refused.Response.Header}
	return retry.Status(answer, answer.Status, answer.Header)
}

// message is all that GitHub says: of a 422 the parts are what helps.
func message(r *gh.ErrorResponse) string {
	parts := []string{r.Message}
	for _, e := range r.Errors {
		if e.Message != "" {
			parts = append(parts, e.Message)
		} else if e.Field != "" {
			parts = append(parts, e.Field+" is "+e.Code)
		}
	}
	return strings.Join(parts, "; ")
}

// explain says what can be done about a failure. nil stays nil.
func (c *Client) explain(doing string, err error) error {
	if err == nil {
		return nil
	}
	if p := c.limited(err); p != nil {
		return p
	}
	err = fmt.Errorf("%s: %w", doing, err)
	facts := []diag.Fact{{Name: "github", Value: c.api.BaseURL.Host}}
	if answer, ok := errors.AsType[*Error](err); ok && !retry.MayPass(answer.Status) {
		return c.refused(answer, err, facts)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return problem("not-trusted", "this machine does not trust the certificate of GitHub",
			"if a proxy looks into TLS here, add its root certificate to this machine, or name it in the variable SSL_CERT_FILE", err, facts)
	}
	if _, ok := errors.AsType[*retry.Later](err); ok {
		return problem("not-answering", "GitHub keeps failing", "see whether this machine reaches it, and what "+c.status()+" says", err, facts)
	}
	return err
}

// status is who knows whether this GitHub works.
func (c *Client) status() string {
	if c.isEnterpriseServer() {
		return "its administrator"
	}
	return "https://www.githubstatus.com"
}

func problem(code, summary, hint string, err error, facts []diag.Fact) *diag.Problem {
	return &diag.Problem{Code: code, Summary: summary, Hint: hint, Err: err, Facts: facts}
}

// refused tells a token that is none from one that may not.
func (c *Client) refused(answer *Error, err error, facts []diag.Fact) error {
	facts = append(facts, diag.Fact{Name: "token of", Value: c.from})
	switch answer.Status {
	case http.StatusUnauthorized:
		return problem("github-refused", "GitHub does not know this token",
			"it has expired, was revoked, or is of another GitHub: make a new one", err, facts)
	case http.StatusForbidden:
		return problem("github-refused", "GitHub does not let this token do that",
			"a fine-grained token or a GitHub App needs the permission that the facts name, a classic one the scope.\n"+
				"A job's own GITHUB_TOKEN has neither: use another token", err, append(facts, wanted(answer.Header)...))
	case http.StatusNotFound:
		return problem("github-not-found", "GitHub shows this token no such thing",
			"see the spelling. GitHub says the same of what is there and this token may not see: it must have access\n"+
				"to the repository or organisation, and the permission for what is asked", err, append(facts, wanted(answer.Header)...))
	default:
		return problem("github-refused", "GitHub refused what tailjoin asked of it", "the cause is its own answer", err, facts)
	}
}

// wanted is what GitHub says that a token must have.
// Source: https://docs.github.com/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens.
func wanted(h http.Header) (facts []diag.Fact) {
	for _, of := range []struct{ name, header string }{
		{"permission wanted", "X-Accepted-GitHub-Permissions"},
		{"scopes wanted", "X-Accepted-OAuth-Scopes"},
		{"scopes of the token", "X-OAuth-Scopes"},
	} {
		if value := h.Get(of.header); value != "" {
			facts = append(facts, diag.Fact{Name: of.name, Value: value})
		}
	}
	return facts
}

// limited explains both of GitHub's limits, nil if it is neither.
func (c *Client) limited(err error) error {
	facts := []diag.Fact{{Name: "github", Value: c.api.BaseURL.Host}, {Name: "token of", Value: c.from}}
	const hint = "try again after that time; a token of a GitHub App has a limit of its own, and a higher one"
	if limit, ok := errors.AsType[*gh.RateLimitError](err); ok {
		facts = append(facts, diag.Fact{Name: "limit", Value: fmt.Sprintf("%d an hour", limit.Rate.Limit)},
			diag.Fact{Name: "again from", Value: clock(limit.Rate.Reset.Time)})
		return problem("github-rate-limited", "GitHub takes no more requests from this token for now", hint, nil, facts)
	}
	if limit, ok := errors.AsType[*gh.AbuseRateLimitError](err); ok {
		from := "a few minutes from now"
		if limit.RetryAfter != nil {
			from = fmt.Sprintf("%v from now", limit.RetryAfter.Round(time.Second))
		}
		facts = append(facts, diag.Fact{Name: "again from", Value: from})
		return problem("github-rate-limited", "GitHub takes no more requests from this token for now", hint, nil, facts)
	}
	return nil
}

// limitedFor is how long GitHub wants to be left alone, if it said so.
func limitedFor(err error) (time.Duration, bool) {
	if limit, ok := errors.AsType[*gh.RateLimitError](err); ok {
		return time.Until(limit.Rate.Reset.Time) + time.Second, true
	}
	if limit, ok := errors.AsType[*gh.AbuseRateLimitError](err); ok && limit.RetryAfter != nil {
		return *limit.RetryAfter, true
	}
	return 0, false
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05 UTC") }
