package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/policyfile"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

func problem(code, summary, hint string, err error, facts ...diag.Fact) *diag.Problem {
	return &diag.Problem{Code: code, Summary: summary, Hint: hint, Err: err, Facts: facts}
}

// explain says what can be done about a refusal of the API, but for one of the
// policy itself.
func (t *Tailnet) explain(doing string, cause error) error {
	err := fmt.Errorf("%s: %w", doing, cause)
	answer, ok := access.Refusal(err)
	if !ok {
		return err
	}
	switch answer.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		if !t.Asked.APIKey.IsZero() && answer.Status == http.StatusUnauthorized {
			return t.Asked.KeysRefused(doing, cause)
		}
		return problem("scope-missing", "this access token may not deal with the policy file",
			"give its credential the scopes policy_file, devices:core:read and devices:posture_attributes; to test and to look,\n"+
				"policy_file:read, devices:core:read and devices:posture_attributes:read are enough: "+access.Credentials+"\n"+
				"Tailscale grants the first only together with the other two. An API key must be of a person who may edit the policy file.", err,
			append([]diag.Fact{{Name: "scopes", Value: strings.Join(t.Token.Scopes, " ")}}, t.missing()...)...)
	case http.StatusNotFound:
		return problem("wrong-tailnet", "the API shows this credential no such tailnet",
			"leave the input tailnet out: then it is that of the credential. Or write it as the admin console does, under General", err,
			diag.Fact{Name: "tailnet", Value: cmp.Or(t.Asked.API.Tailnet, "- (that of the credential)")})
	}
	return err
}

// missing are the scopes that the token lacks: to look, unless it may look or was
// made to change the policy.
func (t *Tailnet) missing() []diag.Fact {
	have, want := t.Token.Scopes, "policy_file:read"
	if len(have) == 0 { // the API did not say
		return nil
	}
	if slices.Contains(have, "policy_file") || tsapi.Lacking(have, want) == nil {
		want = "policy_file"
	}
	lacks := tsapi.Lacking(have, want)
	if lacks == nil {
		return nil
	}
	return []diag.Fact{{Name: "missing", Value: strings.Join(lacks, " ")}}
}

// ended explains an end that came from outside. Other errors stay as they are,
// and nil stays nil.
func ended(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, context.DeadlineExceeded):
		return problem("timeout", "the tailnet's policy was not dealt with in time",
			"the cause is what was waited for. If that was only slow, raise timeout; if not, see that this machine reaches the API", err)
	case cause != nil:
		return problem("cancelled", "the work on the policy was cancelled", "run it again", err)
	default:
		return err
	}
}

// RefuseEdits is the problem with a live policy that somebody changed
// elsewhere, and the file undoes that.
func (p *Plan) RefuseEdits() error {
	return problem("policy-edited", "the live policy was changed by somebody else than this workflow",
		"applying the file would undo that: see the change in the log. To keep it, run\n"+
			"  tailjoin policy pull --policy-file "+p.Path+"\n"+
			"and commit what that writes; once it is applied, go on from there. To undo it, apply once without fail-on-manual-edits", nil,
		p.facts()...)
}

// facts are the names of the three versions.
func (p *Plan) facts() []diag.Fact {
	last := p.Last.ETag
	if last != "" {
		last += " in " + p.Last.Where
	}
	return []diag.Fact{{Name: "file", Value: p.File.ETag()}, {Name: "live", Value: Version(p.Live)}, {Name: "last applied", Value: last}}
}

// changedElsewhere is the problem with a policy that somebody changed between
// our look and our change.
func (p *Plan) changedElsewhere(live tsapi.Policy) error {
	facts := []diag.Fact{{Name: "looked at", Value: Version(p.Live)}, {Name: "live", Value: Version(live)}}
	now, err := policyfile.Parse(policyfile.Source{Name: livePolicy, Text: live.Text})
	if err == nil && p.Was != nil {
		facts = append(facts, diag.Fact{Name: "their change", Value: strings.TrimSpace(policyfile.DiffText(policyfile.Diff(p.Was, now)))})
	}
	return problem("policy-changed-elsewhere", "somebody changed the live policy while this was applied",
		"nothing was applied. Run it again to apply the file over their change; or to keep that, run\n"+
			"  tailjoin policy pull --policy-file "+p.Path+"\nand commit what it writes", nil, facts...)
}

// notItsVersion is the problem with an API that does not know its own ETag.
func (p *Plan) notItsVersion(cause error) error {
	return problem("policy-refused", "the API does not take the version that it named, and nobody changed the policy",
		"something between this machine and the API changes ETags, such as a proxy that compresses: have it leave them alone", cause,
		diag.Fact{Name: "version", Value: Version(p.Live)})
}

func (p *Plan) outcomeUnknown(cause error) error {
	return problem("policy-outcome-unknown", "nobody said whether the policy was applied",
		"run it again: if it is in force, that changes nothing", fmt.Errorf("applying %s: %w", p.Path, cause), p.facts()[:2]...)
}

func notKept(p *Plan, m Memory, cause error) error {
	return problem("policy-not-kept", "the policy is in force, and that could not be remembered",
		"the next run will take it for a change by somebody else. See last-applied, and run this again: that changes the policy no more", cause,
		diag.Fact{Name: "kept in", Value: m.Where()}, diag.Fact{Name: "was", Value: p.Last.ETag})
}
