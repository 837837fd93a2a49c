package github

import (
	"net/http"
	"testing"
	"time"

	gh "github.com/google/go-github/v66/github"
	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	c, err := New(Options{Token: secret.New("github_pat_1"), From: "GITHUB_TOKEN"})
	if err != nil {
		t.Fatal(err)
	}
	const doing = "creating the variable TAILJOIN_SPEC_CORP of the organisation acme"
	answer := func(status int, message string) *Error {
		return &Error{status, message, http.Header{"X-Accepted-Github-Permissions": {"organization_actions_variables=write"}}}
	}
	diagtest.Samples(t, "github",
		c.explain(doing, answer(403, "Resource not accessible by integration")),
		c.explain(doing, answer(401, "Bad credentials")),
		c.explain("listing the variables of acme/wep", &Error{Status: 404}),
		c.explain(doing, &gh.RateLimitError{Rate: gh.Rate{Limit: 5000, Reset: gh.Timestamp{Time: time.Date(2026, 8, 1, 12, 30, 0, 0, time.UTC)}}}),
		c.explain(doing, &retry.Later{Err: answer(503, "")}),
	)
}
