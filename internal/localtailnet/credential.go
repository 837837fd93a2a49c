package localtailnet

import (
	"cmp"
	"slices"
	"time"
)

// A Credential is a trust credential of the tailnet: an OAuth client when it
// has a Secret, a federated identity when it has an Issuer.
type Credential struct {
	ClientID    string // its ID in the API, too
	Description string
	Scopes      []string // such as auth_keys, devices:core, all
	Tags        []string // keys made by it carry all of them, or tags that they own

	Secret string // OAuth client

	Issuer   string            // federated identity: the ID token's iss
	Subject  string            // pattern for its sub; * spans any characters
	Audience string            // its aud; "" is api.tailscale.com/ClientID
	Claims   map[string]string // patterns for more of its claims

	Created, Updated, Revoked time.Time // zero Revoked: it is good

	UserID string // of the person who made it by the API; "" is another credential
}

// AddCredential adds c, in place of one with the same client id.
func (t *Tailnet) AddCredential(c Credential) {
	if c.Created.IsZero() {
		c.Created = time.Now()
	}
	s := t.state
	s.change(func() {
		s.creds = slices.DeleteFunc(s.creds, func(old Credential) bool { return old.ClientID == c.ClientID })
		s.creds = append(s.creds, c)
	})
}

// Credentials returns every one that was ever made, oldest first.
func (t *Tailnet) Credentials() (creds []Credential) {
	t.state.read(func() { creds = slices.Clone(t.state.creds) })
	return creds
}

// RevokeCredential makes a credential useless, and the access tokens that it
// gave. It reports whether there was one that was not revoked before.
func (t *Tailnet) RevokeCredential(id string) (found bool) {
	s := t.state
	s.change(func() {
		i := slices.IndexFunc(s.creds, func(c Credential) bool { return c.ClientID == id && c.Revoked.IsZero() })
		if found = i >= 0; found {
			s.creds[i].Revoked = time.Now()
			s.tokens = slices.DeleteFunc(s.tokens, func(a *accessToken) bool { return a.client == id })
		}
	})
	return found
}

// credential returns the first one that matches and is not revoked.
func (t *Tailnet) credential(match func(Credential) bool) (c Credential, ok bool) {
	t.state.read(func() {
		good := func(c Credential) bool { return c.Revoked.IsZero() && match(c) }
		if i := slices.IndexFunc(t.state.creds, good); i >= 0 {
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
		Audience: c.audience(),
		Claims:   c.Claims,
	}
}

// audience is its own, or the one that Tailscale makes up.
func (c Credential) audience() string { return cmp.Or(c.Audience, "api.tailscale.com/"+c.ClientID) }
