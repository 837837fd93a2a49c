package policy

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// Test asks the tailnet what it thinks of the file and has it run the tests in
// it, also if nothing changed: groups and nodes may have.
func (t *Tailnet) Test(ctx context.Context, p *Plan) (warnings []diag.Place, err error) {
	doing := "validating " + p.Path
	var v tsapi.Verdict
	err = t.call(ctx, doing, func(ctx context.Context) (err error) {
		v, err = t.Asked.API.ValidatePolicy(ctx, t.Token, p.File.Text())
		return err
	})
	if answer, refused := access.Refusal(err); refused && slices.Contains(lacking, answer.Status) {
		return nil, p.untested(fmt.Errorf("%s: %w", doing, answer))
	}
	if err != nil {
		return nil, ended(ctx, p.explainRefusal(err))
	}
	for _, f := range v.Findings {
		for _, text := range f.Warnings {
			warnings = append(warnings, p.about(f.User, text, false))
		}
	}
	if v.Refused() {
		return warnings, p.refused(fmt.Errorf("%s: %s", doing, v.Message), v)
	}
	return warnings, nil
}

// lacking are the answers of an API that does not validate. That the tailnet
// exists is known by then: its policy was read.
var lacking = []int{http.StatusNotFound, http.StatusMethodNotAllowed}

// untested is the problem with an API that does not validate policies.
func (p *Plan) untested(cause error) error {
	return problem("no-validation", "this API does not validate policies, so "+p.Path+" was not tested",
		"Tailscale's own API does; headscale's does not. There, look at the change with action: diff, and let apply find out: what it refuses, it does not apply", cause)
}

// explainRefusal adds where in the files it is wrong to what the API says of a
// policy that it does not take.
func (p *Plan) explainRefusal(err error) error {
	answer, ok := access.Refusal(err)
	if _, explained := errors.AsType[*diag.Problem](err); !ok || explained || answer.Status != http.StatusBadRequest {
		return err
	}
	return p.refused(err, tsapi.Verdict{Message: answer.Message, Findings: answer.Findings})
}

// testsFailed is how the API says that a test in the policy fails. Other refusals
// may have findings, too.
const testsFailed lazy.Pattern = `(?i)\btests?(\(s\))? failed`

// refused is the problem with a policy that Tailscale does not take.
func (p *Plan) refused(cause error, v tsapi.Verdict) error {
	var places []diag.Place
	isTest := testsFailed.Matches(v.Message)
	for _, f := range v.Findings {
		for _, text := range f.Errors {
			places = append(places, p.about(f.User, text, isTest))
		}
	}
	if places == nil {
		places = p.inMessage(v.Message)
	}
	cause = placelessError{cause}
	if isTest {
		return &diag.Problem{
			Code: "policy-test-failed", Summary: "the tests of the policy fail", Err: cause, Places: places,
			Hint: "change the rules, or the test if that is what is wrong. Nothing was applied",
		}
	}
	return &diag.Problem{
		Code: "policy-refused", Summary: "Tailscale does not take this policy", Err: cause, Places: places,
		Hint: "the cause is its own answer. Nothing was applied. What a policy may hold: https://tailscale.com/docs/reference/syntax/policy-file",
	}
}
