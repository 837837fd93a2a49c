package config

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/oidc"
	"github.com/tailjoin/tailjoin/internal/sts/exchange"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
)

// Exchange is whose ID tokens become tokens of the service.
type Exchange struct {
	Trust  []Trust `yaml:"trust" help:"whose ID tokens are exchanged at /oauth/token; the first rule that fits counts. Empty: nobody's"`
	Funnel bool    `yaml:"funnel" default:"false" help:"let Funnel reach /oauth/token, too, for workloads that are not on the tailnet"`
}

// Trust is one rule of exchange.trust.
type Trust struct {
	Issuer           string            `yaml:"issuer"`
	Audience         string            `yaml:"audience"` // of the ID token; empty is the service's issuer
	Subject          string            `yaml:"subject"`
	Require          map[string]string `yaml:"require"`
	AllowedAudiences []string          `yaml:"allowedAudiences"`
	Lifetime         time.Duration     `yaml:"lifetime"` // at most; empty is what the audience has
	As               string            `yaml:"as"`       // subject of the new token
	Claims           map[string]any    `yaml:"claims"`
}

// ExchangePolicy is what exchange says, ready to be asked. issuer is the
// service's own.
func (c *Config) ExchangePolicy(issuer string) (*exchange.Policy, error) {
	p := &exchange.Policy{}
	for i, t := range c.Exchange.Trust {
		r, err := c.trust(fmt.Sprintf("exchange.trust[%d]", i), t, issuer)
		if err != nil {
			return nil, err
		}
		p.Rules = append(p.Rules, r)
	}
	return p, nil
}

func (c *Config) trust(key string, t Trust, issuer string) (r exchange.Rule, err error) {
	if err := oidc.CheckIssuer(t.Issuer); err != nil {
		return r, refuse(key+".issuer", t.Issuer, "it is the iss of the ID tokens, letter by letter: "+err.Error())
	}
	r = exchange.Rule{
		Name: key, Issuer: t.Issuer, Audience: cmp.Or(t.Audience, issuer), Subject: t.Subject, Require: t.Require,
		Lifetime: t.Lifetime.Truncate(time.Second),
	}
	if r.Lifetime != 0 {
		if err := checkLifetime(key+".lifetime", r.Lifetime); err != nil {
			return r, err
		}
	}
	if r.As, err = exchange.Words.Template(cmp.Or(t.As, exchange.DefaultSubject)); err != nil {
		return r, refuse(key+".as", t.As, err.Error())
	}
	if r.Claims, err = exchange.Words.Claims(t.Claims); err != nil {
		return r, refuse(key+".claims", "", err.Error())
	}
	if r.Audiences, err = c.exchanged(key+".allowedAudiences", t.AllowedAudiences); err != nil {
		return r, err
	}
	if err := r.Check(); err != nil {
		return r, refuse(key, t.Subject, err.Error())
	}
	return r, nil
}

var errUnlisted = errors.New("tokens.allowedAudiences does not have it: both have to")

// exchanged are audiences of a rule. Those that are no patterns have to be
// among the service's.
func (c *Config) exchanged(key string, audiences []string) (all []policy.Pattern, err error) {
	tokens, err := c.Policy()
	if err != nil {
		return nil, err
	}
	for _, audience := range audiences {
		p, err := policy.ParsePattern(audience)
		if err == nil && !strings.Contains(audience, "*") && tokens.RuleFor(p.String()) == nil {
			err = errUnlisted
		}
		if err != nil {
			return nil, refuse(key, audience, err.Error())
		}
		all = append(all, p)
	}
	return all, nil
}

func (c *Config) checkExchange() error {
	switch {
	case c.Exchange.Funnel && !c.TSNet.Funnel:
		return refuse("exchange.funnel", "true", "there is no Funnel without tsnet.funnel")
	case c.Exchange.Funnel && len(c.Exchange.Trust) == 0:
		return refuse("exchange.funnel", "true", "exchange.trust is empty, so there is nothing to reach")
	}
	_, err := c.ExchangePolicy("")
	return err
}
