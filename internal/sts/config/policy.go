package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
)

// Policy is what tokens says, ready to be asked: the rules of audiences, then
// those of allowedAudiences.
func (c *Config) Policy() (*policy.Policy, error) {
	p := &policy.Policy{AllowEmptyCapability: c.Tokens.AllowEmptyNodeCapability, Subject: c.Tokens.SubjectClaim}
	for i, a := range c.Tokens.Audiences {
		if err := c.add(p, fmt.Sprintf("tokens.audiences[%d]", i), a); err != nil {
			return nil, err
		}
	}
	for i, match := range c.Tokens.AllowedAudiences {
		if err := c.add(p, fmt.Sprintf("tokens.allowedAudiences[%d]", i), Audience{Match: match}); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (c *Config) add(p *policy.Policy, key string, a Audience) (err error) {
	r := policy.Rule{
		Lifetime:  cmp.Or(a.Lifetime.Truncate(time.Second), c.Tokens.Lifetime),
		Algorithm: cmp.Or(a.Algorithm, c.SigningKey.Algorithm),
	}
	if r.Audience, err = policy.ParsePattern(a.Match); err != nil {
		return refuse(key, a.Match, err.Error())
	}
	if err := checkLifetime(key+".lifetime", r.Lifetime); err != nil {
		return err
	}
	if a.Algorithm != "" && !slices.Contains(keyring.Algorithms(), a.Algorithm) {
		return refuse(key+".algorithm", a.Algorithm, "it is one of "+strings.Join(keyring.Algorithms(), ", "))
	}
	if a.Subject != "" {
		if r.Subject, err = policy.ParseTemplate(a.Subject); err != nil {
			return refuse(key+".subject", a.Subject, err.Error())
		}
	}
	if r.Claims, err = policy.ParseClaims(c.claims(a)); err != nil {
		return refuse(key+".claims", "", err.Error())
	}
	p.Rules = append(p.Rules, r)
	return nil
}

func (c *Config) claims(a Audience) map[string]any {
	switch {
	case a.Claims != nil:
		return a.Claims
	case c.Tokens.Claims != nil:
		return c.Tokens.Claims
	}
	return policy.DefaultClaims()
}

// Timing is how long keys are what they are.
func (c *Config) Timing() (keyring.Timing, error) {
	p, err := c.Policy()
	if err != nil {
		return keyring.Timing{}, err
	}
	r := c.SigningKey.Rotation
	return keyring.Timing{
		Lifetime: p.Longest(), Skew: r.Skew, Overlap: r.Overlap, CacheFor: r.CacheFor, Every: r.Every, Refresh: r.Refresh,
	}, nil
}
