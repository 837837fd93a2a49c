package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// api asks the API as nobody: any answer of its own shows that it is reached,
// and carries its clock.
func (r *Request) api(ctx context.Context) []Check {
	if r.AuthKey {
		return []Check{skipped("clock", "the API has the clock to compare with, and a join by auth key does not ask it"), skipped("api", "a join by auth key does not ask it")}
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := r.Access.API.Probe(ctx, tsapi.AccessToken{}, "/tailnet/-/keys")
	if err != nil {
		return []Check{skipped("clock", "the API did not answer, which has the clock to compare with"), r.silent("api", err)}
	}
	return []Check{clock(answer), r.reached(answer)}
}

func (r *Request) address() string { return cmp.Or(r.Access.API.BaseURL, tsapi.DefaultURL) }

// silent explains a server that gave no answer.
func (r *Request) silent(name string, err error) Check {
	c := failed(name, access.Unanswered(r.Access.API, err), "")
	c.Finding = reason(err)
	if p, ok := errors.AsType[*diag.Problem](access.Unanswered(r.Access.API, err)); ok && p.Code == "not-trusted" {
		c.Finding = p.Error()
	}
	return c
}

// reached tells the API's answers from those of something else in its place.
func (r *Request) reached(a tsapi.Answer) Check {
	const name = "api"
	switch {
	case a.Page:
		return Check{Name: name, Result: Failed, Code: "web-page", Finding: fmt.Sprintf("%s answers with a web page (status %d)", r.address(), a.Status),
			Hint: "a proxy, a firewall or a captive portal is between this machine and the API: let this machine reach it, or set HTTPS_PROXY"}
	case !a.Foreign && (a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden):
		return ok(name, fmt.Sprintf("%s answers (%v)", r.address(), a.Took.Round(time.Millisecond)))
	case a.Status >= 500:
		return Check{Name: name, Result: Failed, Code: "not-answering", Finding: fmt.Sprintf("%s answers with status %d: %s", r.address(), a.Status, a.Message),
			Hint: "a server that fails, or a proxy that does not reach it: see https://status.tailscale.com"}
	default:
		return Check{Name: name, Result: Failed, Code: "no-exchange",
			Finding: fmt.Sprintf("%s is not Tailscale's API: it answers a request without a token with status %d: %s", r.address(), a.Status, a.Message),
			Hint:    "see api-url and login-server; a control server of one's own mostly has no API of this kind. Or a captive portal answers in its place"}
	}
}

// Differences of clocks that matter: beyond the first, an ID token that was
// signed on this machine may come from the future; beyond the second, one that
// lives for five minutes has expired, or has not begun.
const (
	noticeable = 10 * time.Second
	harmful    = 4 * time.Minute
)

// clock compares this machine's with that of the API, which says whole seconds.
func clock(a tsapi.Answer) Check {
	const name = "clock"
	if a.Date.IsZero() {
		return skipped(name, "the API's answer has no Date")
	}
	ahead := a.Sent.Add(a.Took / 2).Sub(a.Date.Add(time.Second / 2))
	switch wrong := clockWrong(ahead); {
	case ahead.Abs() > harmful:
		return failed(name, wrong, "")
	case ahead.Abs() > noticeable:
		return warning(name, wrong.Summary, wrong.Hint)
	}
	return ok(name, "with the API's, to the second or two")
}

func clockWrong(ahead time.Duration) *diag.Problem {
	where := "behind"
	if ahead > 0 {
		where = "ahead of"
	}
	return &diag.Problem{
		Code:    "clock-wrong",
		Summary: fmt.Sprintf("this machine's clock is about %v %s the API's", ahead.Abs().Round(5*time.Second), where),
		Hint:    "set it, by NTP for one: an ID token is good for some minutes, by the clock of who checks it",
	}
}
