package trust

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

func problem(code, summary, hint string, err error, facts ...diag.Fact) *diag.Problem {
	return &diag.Problem{Code: code, Summary: summary, Hint: hint, Err: err, Facts: facts}
}

func isNotFound(err error) bool {
	answer, ok := errors.AsType[*tsapi.Error](err)
	return ok && answer.Status == http.StatusNotFound
}

// explain says what can be done about a refusal of the API. about is what was
// to be made; the zero value is nothing.
func (t Tailnet) explain(doing string, about tsapi.Credential, cause error) error {
	err := fmt.Errorf("%s: %w", doing, cause)
	answer, ok := access.Refusal(err)
	switch {
	case !ok || answer.Status == http.StatusNotFound:
		return err
	case !t.Asked.APIKey.IsZero() && answer.Status == http.StatusUnauthorized:
		return t.Asked.KeysRefused(doing, cause)
	case answer.Status == http.StatusUnauthorized || answer.Status == http.StatusForbidden:
		return problem("scope-missing", "this access token may not deal with trust credentials",
			"give the credential that it is of the scope federated_keys, for OAuth clients oauth_keys; with :read\n"+
				"behind them they are enough to look: "+access.Credentials, err,
			diag.Fact{Name: "scopes", Value: strings.Join(t.Token.Scopes, " ")})
	case strings.Contains(answer.Message, "requested tags"):
		return problem("tags-not-permitted", "who asks may not give a trust credential these tags",
			"a credential gives others all of its own tags, or only tags that one of them owns in tagOwners of the policy:\n"+
				access.Policy+"\nor ask with an API key of a person.", err,
			diag.Fact{Name: "tags", Value: strings.Join(about.Tags, ", ")})
	default:
		return problem("trust-refused", "Tailscale does not take this trust credential", "the cause is its own answer", err, facts(about)...)
	}
}

// facts are the fields of a credential, in their order.
func facts(c tsapi.Credential) (facts []diag.Fact) {
	for _, change := range Changes(tsapi.Credential{}, c) {
		facts = append(facts, diag.Fact{Name: change.Field, Value: change.Want})
	}
	return facts
}

func unknown(nameOrID string, all []tsapi.Credential) error {
	var names []string
	for _, c := range all {
		names = append(names, cmp.Or(c.Description, "(no name)")+"  "+c.ID)
	}
	return problem("trust-unknown", fmt.Sprintf("there is no trust credential %q", nameOrID),
		"give the whole name (its description at Tailscale), or its ID. An access token is shown the kinds\n"+
			"that its scopes are for: federated_keys:read, oauth_keys:read", nil,
		diag.Fact{Name: "there are", Value: strings.Join(names, "\n")})
}

func ambiguous(name string, found []tsapi.Credential) error {
	p := problem("trust-ambiguous", fmt.Sprintf("several trust credentials are called %q", name),
		"give the ID of the one you mean; `tailjoin trust show ID` shows what it is", nil)
	for _, c := range found {
		p.Facts = append(p.Facts, diag.Fact{Name: c.ID, Value: cmp.Or(c.Subject, string(c.Kind))})
	}
	return p
}

func deleted(c tsapi.Credential) error {
	return problem("trust-deleted", fmt.Sprintf("the trust credential %s was deleted", c.ID),
		"it cannot be brought back: make a new one, and give its client ID to the jobs", nil,
		diag.Fact{Name: "name", Value: c.Description}, diag.Fact{Name: "deleted", Value: stamp(c.Revoked)})
}

func otherKind(have, want tsapi.Credential) error {
	return diag.Input(fmt.Sprintf("%s cannot become of the kind %s", have.ID, want.Kind),
		"delete it and make another one", diag.Fact{Name: "kind", Value: string(have.Kind)})
}

// Differs is the problem with a credential that is there and is not as wanted.
func (p Plan) Differs() error {
	problem := problem("trust-differs", fmt.Sprintf("there is a trust credential %q, and it is another one", p.Have.Description),
		"nothing was changed. To have it as wanted:\n  "+command("update", p.Have.ID, p.Want)+"\nor give the new one another name", nil,
		diag.Fact{Name: "id", Value: p.Have.ID})
	for _, c := range p.Changes {
		problem.Facts = append(problem.Facts, diag.Fact{Name: c.Field, Value: cmp.Or(c.Have, "(none)") + "\nwanted " + cmp.Or(c.Want, "(none)")})
	}
	return problem
}

// refuses is the problem with a token that a credential does not let in.
func refuses(c tsapi.Credential, findings []spec.Finding) error {
	p := problem("trust-mismatch", "the trust credential does not let this token in",
		"if the job is right, change the credential: "+access.Credentials+"\n"+
			"or tailjoin trust update; if not, run the job where the credential expects it", nil,
		diag.Fact{Name: "credential", Value: strings.TrimSpace(c.ID + " " + c.Description)})
	for _, f := range findings {
		if !f.OK {
			value := cmp.Or(f.Found, "(none)") + "\nwanted " + f.Pattern + "\n" + f.Note
			p.Facts = append(p.Facts, diag.Fact{Name: f.Name, Value: strings.TrimSpace(value)})
		}
	}
	return p
}
