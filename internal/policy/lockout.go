package policy

import (
	"context"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// A Lockout is what a policy takes from the credential that applies it.
type Lockout struct {
	Tags  []string // that leave tagOwners, and nobody can give any more
	Known bool     // whether the credential's own tags are known
	Own   []string // those of Tags that are the credential's
}

// Lockout looks whether the file takes tags from the credential: without them
// in tagOwners it can make no auth key any more, and a job that joins by it
// stays out.
func (t *Tailnet) Lockout(ctx context.Context, p *Plan) *Lockout {
	l := &Lockout{Tags: p.gone()}
	if len(l.Tags) == 0 || !t.Asked.APIKey.IsZero() {
		return &Lockout{Known: true}
	}
	tags, known := t.tags(ctx)
	l.Known = known
	for _, tag := range l.Tags {
		if slices.Contains(tags, tag) {
			l.Own = append(l.Own, tag)
		}
	}
	return l
}

// tags are those of the credential: the access token says them, or the API,
// which shows a credential itself.
func (t *Tailnet) tags(ctx context.Context) (tags []string, known bool) {
	if len(t.Token.Tags) > 0 || t.Asked.ClientID == "" {
		return t.Token.Tags, len(t.Token.Tags) > 0
	}
	cred, err := t.Asked.API.Credential(ctx, t.Token, t.Asked.ClientID)
	return cred.Tags, err == nil
}

// gone are the tags that somebody may give now, and nobody by the file.
func (p *Plan) gone() (tags []string) {
	for _, c := range p.Changes {
		if strings.EqualFold(c.Section, "tagOwners") && c.New == nil && c.Old.Name != "" {
			tags = append(tags, c.Old.Name)
		}
	}
	return tags
}

// Problem is nil unless the credential loses a tag.
func (l *Lockout) Problem() error {
	if len(l.Own) == 0 {
		return nil
	}
	return &diag.Problem{
		Code:    "policy-lockout",
		Summary: "this policy would lock out the credential that applies it",
		Facts:   []diag.Fact{{Name: "tags", Value: strings.Join(l.Own, ", ")}},
		Hint: "nothing was applied. The credential has these tags, and tagOwners would have them no more: it could give them to no node\n" +
			"and no key. Keep them there, or take them from the credential first. If that is what you want: allow-lockout",
	}
}

// Warning is what to say if nobody can tell whether it is the credential's tags
// that go; "" otherwise.
func (l *Lockout) Warning() string {
	if l.Known || len(l.Tags) == 0 {
		return ""
	}
	return "tagOwners loses " + strings.Join(l.Tags, ", ") + ". Whether the credential that applies this has one of them, the API does not say; " +
		"if it has, it is locked out"
}
