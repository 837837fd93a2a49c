package policy

import (
	"context"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// A Lockout is what a policy takes from the credential that applies it.
type Lockout struct {
	Tags  []string // that a credential may give no more, if it has the right tags
	Known bool     // whether the credential's own tags are known
	Own   []string // the part of Tags that this credential may no longer give
	Empty []string // the part of Tags that the credential has itself, and that no longer has an owner
}

// Lockout looks whether the file takes tags from the credential: without them it
// can make no auth key any more, and a job that joins by it stays out. It may
// give its own tags, and tags that one of its own tags owns, as long as they are
// in tagOwners. A tag of its own may have no owner there: Tailscale's Kubernetes
// operator is set up so.
// Source: https://tailscale.com/docs/features/kubernetes-operator
func (t *Tailnet) Lockout(ctx context.Context, p *Plan) *Lockout {
	l := &Lockout{Tags: p.weakened()}
	if len(l.Tags) == 0 || !t.Asked.APIKey.IsZero() {
		return &Lockout{Known: true}
	}
	own, known := t.tags(ctx)
	l.Known = known
	for _, tag := range l.Tags {
		before, _, _ := p.Was.TagOwners(tag)
		after, _, stays := p.File.TagOwners(tag)
		switch {
		case mayGive(tag, before, own) && !(stays && mayGive(tag, after, own)):
			l.Own = append(l.Own, tag)
		case len(after) == 0 && slices.Contains(own, tag):
			l.Empty = append(l.Empty, tag)
		}
	}
	return l
}

// weakened are the tags that lose their place in tagOwners, all their owners, or
// an owner that is a tag.
func (p *Plan) weakened() (tags []string) {
	if p.Was == nil {
		return nil
	}
	for _, tag := range p.Was.Tags() {
		before, _, _ := p.Was.TagOwners(tag)
		after, _, stays := p.File.TagOwners(tag)
		lost := slices.ContainsFunc(before, func(owner string) bool { return strings.HasPrefix(owner, "tag:") && !slices.Contains(after, owner) })
		if lost || !stays || len(before) > 0 && len(after) == 0 {
			tags = append(tags, tag)
		}
	}
	return tags
}

// mayGive reports whether a credential with tags of its own may give a tag that
// has these owners.
func mayGive(tag string, owners, own []string) bool {
	return slices.Contains(own, tag) || slices.ContainsFunc(owners, func(o string) bool { return slices.Contains(own, o) })
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

// Problem is nil unless the credential loses a tag.
func (l *Lockout) Problem() error {
	if len(l.Own) == 0 {
		return nil
	}
	return &diag.Problem{
		Code:    "policy-lockout",
		Summary: "this policy would lock out the credential that applies it",
		Facts:   []diag.Fact{{Name: "tags", Value: strings.Join(l.Own, ", ")}},
		Hint: "nothing was applied. The credential may give these tags now, since it has them or one of their owners in tagOwners.\n" +
			"By this file it could give them to no node and no key. Keep the tags and their owners, or take the tags from the\n" +
			"credential first. If that is what you want: allow-lockout",
	}
}

// Warning is what to say if it is not known whether the credential gives one of
// the tags, or if a tag of its own has no owner any more; "" otherwise.
func (l *Lockout) Warning() string {
	switch {
	case !l.Known && len(l.Tags) > 0:
		return "tagOwners loses, or takes owners from, " + strings.Join(l.Tags, ", ") + ". Whether the credential that applies this gives one of them, " +
			"the API does not say; if it does, it is locked out"
	case len(l.Empty) > 0:
		return "tagOwners leaves " + strings.Join(l.Empty, ", ") + " without an owner. The credential has the tag itself and may still give it; if it loses the tag, only an admin can"
	}
	return ""
}
