package policy

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
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
	if err != nil {
		return nil, ended(ctx, p.explainRefusal(err))
	}
	for _, f := range v.Findings {
		for _, text := range f.Warnings {
			warnings = append(warnings, p.about(f.User, text))
		}
	}
	if v.Refused() {
		return warnings, p.refused(fmt.Errorf("%s: %s", doing, v.Message), v)
	}
	return warnings, nil
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

// refused is the problem with a policy that Tailscale does not take.
func (p *Plan) refused(cause error, v tsapi.Verdict) error {
	places := p.inMessage(v.Message)
	failed := false
	for _, f := range v.Findings {
		for _, text := range f.Errors {
			places, failed = append(places, p.about(f.User, text)), true
		}
	}
	if failed {
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
