// Package diagnosis finds out why Tailscale probably refused an ID token.
//
// Tailscale answers every refusal alike. But the token, the job and the answer
// tell much: what each field of the trust credential must be, which of them is
// most often wrong for such a job, and which cannot be at fault.
package diagnosis

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tailjoin/tailjoin/internal/idtoken"
)

// A Job is what this process knows beside the token. The zero value knows
// nothing.
type Job struct {
	Env           func(name string) string // nil: no variables
	AudienceGiven bool                     // an input or the spec names the audience that a token is asked for, and it is not the platform's own

	// Verify compares the token with the keys that its issuer publishes. nil:
	// the issuer is not asked.
	Verify func(context.Context, idtoken.Token) error
}

// Evidence is all that is known of a refusal.
type Evidence struct {
	Job
	Token    idtoken.Token
	ClientID string
	Audience string // that the token was asked for
	Local    bool   // the API is on this machine: so may be the issuer

	Status  int       // of the refusal
	Message string    // the API's own words
	Date    time.Time // the API's clock; zero if it did not say
	Now     time.Time // this machine's clock

	verified verification
}

// A Cause is a field of the trust credential, or of the token, that may be wrong.
type Cause struct {
	Field  string // what is wrong: "subject"
	Reason string // what is special about this token, as a clause
	Fix    string // what to change, with the exact value; may have several lines

	weight int // the likelihood, between the causes of one refusal
}

// Weights of causes. A cause above certain leaves no other. A cause above
// evident is a fault that can be seen in the token, and not a guess.
const (
	certain = 90
	evident = 70
)

// Certain reports that no other cause is worth a look.
func (c Cause) Certain() bool { return c.weight >= certain }

// Evident reports that the fault shows in the token or in the answer itself.
func (c Cause) Evident() bool { return c.weight >= evident }

// Whose is the field with an article: "its subject".
func (c Cause) Whose() string {
	switch c.Field {
	case "client ID":
		return "the " + c.Field
	case "custom claim rule":
		return "a " + c.Field
	}
	return "its " + c.Field
}

// A Diagnosis is the causes of a refusal, the likeliest first; there is always
// one.
type Diagnosis struct {
	Causes   []Cause
	RuledOut []string // what is not the cause
	Claims   []Claim  // that a custom claim rule may name
}

// looks find one cause each, if there is one.
var looks = []func(*Evidence) Cause{
	(*Evidence).clock, (*Evidence).signature, (*Evidence).client, (*Evidence).audience, (*Evidence).issuer, (*Evidence).subject, (*Evidence).claimRules,
}

// Of is the diagnosis of a refusal. It asks the issuer for its keys if the job
// has a way to, and that may tell something.
func Of(ctx context.Context, e Evidence) Diagnosis {
	if e.Env == nil {
		e.Env = func(string) string { return "" }
	}
	e.verify(ctx)
	var d Diagnosis
	for _, look := range looks {
		if c := look(&e); c.weight > 0 {
			d.Causes = append(d.Causes, e.told(c))
		}
	}
	slices.SortStableFunc(d.Causes, func(a, b Cause) int { return cmp.Compare(b.weight, a.weight) })
	if d.Causes[0].Certain() {
		d.Causes = d.Causes[:1]
	}
	d.RuledOut, d.Claims = e.ruledOut(), e.namedClaims()
	return d
}
