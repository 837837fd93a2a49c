package localtailnet

import (
	"cmp"
	"slices"
)

// A Credential is a trust credential of the tailnet: an OAuth client when it
// has a Secret, a federated identity when it has an Issuer.
type Credential struct {
	ClientID string
	Scopes   []string // such as auth_keys, devices:core, all
	Tags     []string // that keys made by it may carry

	Secret string // OAuth client

	Issuer   string            // federated identity: the ID token's iss
	Subject  string            // pattern for its sub; * spans any characters
	Audience string            // its aud; "" is api.tailscale.com/ClientID
	Claims   map[string]string // patterns for more of its claims
}

// AddCredential adds c, in place of one with the same client id.
func (t *Tailnet) AddCredential(c Credential) {
	s := t.state
	s.change(func() {
		s.creds = slices.DeleteFunc(s.creds, func(old Credential) bool { return old.ClientID == c.ClientID })
		s.creds = append(s.creds, c)
	})
}

// credential returns the first one that matches.
func (t *Tailnet) credential(match func(Credential) bool) (c Credential, ok bool) {
	t.state.read(func() {
		if i := slices.IndexFunc(t.state.creds, match); i >= 0 {
			c, ok = t.state.creds[i], true
		}
	})
	return c, ok
}

// federation is what c demands of an ID token.
func (c Credential) federation() Federation {
	return Federation{
		Issuer:   c.Issuer,
		Subject:  c.Subject,
		Audience: cmp.Or(c.Audience, "api.tailscale.com/"+c.ClientID),
		Claims:   c.Claims,
	}
}
