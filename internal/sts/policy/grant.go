package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"tailscale.com/tailcfg"
)

// Capability is the name of our app capability in the tailnet's policy file.
const Capability = "tailjoin.github.io/cap/sts"

// capabilities are the names that are looked at, in this order. The audiences
// of tsiam's are exact there, so they are here: no grant means more than it
// did.
var capabilities = []struct {
	name      tailcfg.PeerCapability
	wildcards bool
}{
	{Capability, true},
	{"italypaleale.me/tsiam", false},
}

// A Grant is one value of a capability: audiences that its holder may ask for.
type Grant struct {
	Capability string // its name and place, for the audit: tailjoin.github.io/cap/sts[0]
	Subject    string // for the policies that take it from the grant

	audiences []Pattern
}

func (g Grant) allows(audience string) bool {
	for _, p := range g.audiences {
		if p.Match(audience) {
			return true
		}
	}
	return false
}

func (c *Caller) grants(caps tailcfg.PeerCapMap) {
	for _, capability := range capabilities {
		values, ok := caps[capability.name]
		c.Granted = c.Granted || ok
		for i, value := range values {
			g, err := parseGrant(string(value), capability.wildcards)
			g.Capability = fmt.Sprintf("%s[%d]", capability.name, i)
			if err != nil {
				c.Odd = append(c.Odd, fmt.Errorf("reading %s: %w", g.Capability, err))
				continue
			}
			c.Grants = append(c.Grants, g)
		}
	}
}

const longestSubject = 255 // bytes; OpenID Connect Core 1.0, section 2

// parseGrant is strict: a key that is misspelled must not make a grant that
// gives something else than was meant.
func parseGrant(text string, wildcards bool) (g Grant, err error) {
	var wire struct {
		AllowedAudiences []string `json:"allowedAudiences"`
		Subject          string   `json:"subject"`
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&wire); err != nil {
		return g, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return g, errors.New("there is more than one value")
	}
	if len(wire.Subject) > longestSubject || strings.ContainsFunc(wire.Subject, unicode.IsControl) {
		return g, fmt.Errorf("the subject has more than %d bytes, or a control character", longestSubject)
	}
	g.Subject = wire.Subject
	for _, audience := range wire.AllowedAudiences {
		p, err := ParsePattern(audience)
		if err != nil {
			return Grant{}, err
		}
		if !wildcards {
			p = exactly(p)
		}
		g.audiences = append(g.audiences, p)
	}
	return g, nil
}
