// Package policy decides which node gets which token: two layers that both must
// agree, and the claims that go into it. It does no I/O.
//
// The first layer is the service's own list of audiences. The second is the
// tailnet's policy file: a grant gives a node an app capability that names
// audiences. Source of the model: ItalyPaleAle/tsiam, whose configuration and
// grants mean the same here.
package policy

import (
	"slices"
	"time"
)

// What a token's sub says, unless a rule has a template for it.
const (
	SubjectNodeID     = "nodeId"     // the stable ID of the node: never used again for another
	SubjectName       = "name"       // its name on the tailnet: somebody else's after the node is removed
	SubjectCapability = "capability" // the subject of the grant; without one, the node's ID
)

// A Policy is both layers, and the shape of the tokens.
type Policy struct {
	Rules []Rule // the first that matches an audience counts

	// AllowEmptyCapability lets a node that was granted no capability of ours
	// have every audience of the rules. One that was granted some has those.
	AllowEmptyCapability bool

	Subject string // one of the constants above
}

// A Rule lets audiences be asked for, and says how their tokens look.
type Rule struct {
	Audience  Pattern
	Lifetime  time.Duration
	Algorithm string
	Subject   *Template[*Caller] // nil: what the policy says
	Claims    Claims[*Caller]
}

// A Decision is what was found about one request. What a refusal did not reach
// is empty.
type Decision struct {
	Audience string
	Rule     string // the pattern of the rule
	Grant    string // the capability that allowed it; "" if none was needed

	Subject   string
	Lifetime  time.Duration
	Algorithm string
	Claims    map[string]any
}

// A Refusal is why a caller gets no token.
type Refusal string

const (
	NotAllowed   Refusal = "audience_not_allowed"   // by the first layer
	NotPermitted Refusal = "audience_not_permitted" // by the second
)

func (r Refusal) Error() string { return string(r) }

// Decide holds a request against both layers. The error is a Refusal.
func (p *Policy) Decide(c *Caller, audience string) (Decision, error) {
	d := Decision{Audience: audience}
	rule := p.RuleFor(audience)
	if rule == nil {
		return d, NotAllowed
	}
	d.Rule = rule.Audience.String()
	grant, ok := p.permit(c, audience)
	if !ok {
		return d, NotPermitted
	}
	d.Grant, d.Lifetime, d.Algorithm = grant.Capability, rule.Lifetime, rule.Algorithm
	d.Subject = p.subject(rule, c, grant)
	d.Claims = rule.Claims.Of(c)
	return d, nil
}

// RuleFor is the first layer: the rule by which an audience may be asked for,
// nil if there is none.
func (p *Policy) RuleFor(audience string) *Rule {
	i := slices.IndexFunc(p.Rules, func(r Rule) bool { return r.Audience.Match(audience) })
	if i < 0 {
		return nil
	}
	return &p.Rules[i]
}

// permit is the second layer: the grant that lets the caller have it. A node
// of another tailnet, to which ours is shared, always needs one.
func (p *Policy) permit(c *Caller, audience string) (Grant, bool) {
	for _, g := range c.Grants {
		if g.allows(audience) {
			return g, true
		}
	}
	return Grant{}, p.AllowEmptyCapability && !c.Granted && !c.Foreign
}

func (p *Policy) subject(r *Rule, c *Caller, g Grant) string {
	switch {
	case r.Subject != nil:
		subject, _ := r.Subject.Of(c)
		return subject
	case p.Subject == SubjectName:
		return c.Name
	case p.Subject == SubjectCapability && g.Subject != "":
		return g.Subject
	}
	return c.NodeID
}

// Longest is the longest lifetime that a token of this policy can have.
func (p *Policy) Longest() (longest time.Duration) {
	for _, r := range p.Rules {
		longest = max(longest, r.Lifetime)
	}
	return longest
}

// Algorithms are those that tokens of this policy are signed with, each once.
func (p *Policy) Algorithms() (all []string) {
	for _, r := range p.Rules {
		if !slices.Contains(all, r.Algorithm) {
			all = append(all, r.Algorithm)
		}
	}
	return all
}
