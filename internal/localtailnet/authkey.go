package localtailnet

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// A Key is an auth key as the admin console shows it: without its secret.
type Key struct {
	ID            string    `json:"id"`
	Description   string    `json:"description"`
	Tags          []string  `json:"tags"`
	Reusable      bool      `json:"reusable"`
	Ephemeral     bool      `json:"ephemeral"`
	Preauthorized bool      `json:"preauthorized"`
	Created       time.Time `json:"created"`
	Expires       time.Time `json:"expires"`
	Revoked       time.Time `json:"revoked"` // zero while it is not
	Uses          int       `json:"uses"`    // nodes that registered with it
}

// Usable reports whether a new node could register with k.
func (k Key) Usable(now time.Time) bool {
	return k.Revoked.IsZero() && now.Before(k.Expires) && (k.Reusable || k.Uses == 0)
}

type authKey struct {
	Key
	secret       string // tskey-auth-ID-…
	user         string // login name of who made it; "" is the tailnet's owner
	byCredential bool   // a trust credential made it: the tailnet has it, and no user
}

// KeyOptions say what a key lets in. The zero value is a key for one untagged,
// lasting node, good for 90 days.
type KeyOptions struct {
	Description                        string
	Tags                               []string
	Reusable, Ephemeral, Preauthorized bool
	Lifetime                           time.Duration // 0 means 90 days; below 0 makes a key that has expired

	// User is the login name of the person whose key it is, and whose an
	// untagged node will be. "" is the tailnet's owner.
	User string

	byCredential bool
}

const defaultKeyLifetime = 90 * 24 * time.Hour

// MintKey makes an auth key as somebody does in the admin console: no
// credential limits its tags.
func (t *Tailnet) MintKey(o KeyOptions) (k Key, secret string) {
	t.state.change(func() {
		minted := t.state.mint(o)
		k, secret = minted.Key, minted.secret
	})
	return k, secret
}

// userOf is the ID of the user who made an auth key; "" if a credential did.
func (s *state) userOf(k *authKey) string {
	if k.byCredential {
		return ""
	}
	return userID(s.ownerOf(nil, k.user))
}

// Keys returns every auth key that was ever minted, oldest first.
func (t *Tailnet) Keys() []Key {
	keys := []Key{}
	t.state.read(func() {
		for _, k := range t.state.keys {
			keys = append(keys, k.Key)
		}
	})
	return keys
}

// RevokeKey makes a key useless. It reports whether there was one that was not
// revoked before.
func (t *Tailnet) RevokeKey(id string) (found bool) {
	t.state.change(func() {
		i := slices.IndexFunc(t.state.keys, func(k *authKey) bool { return k.ID == id && k.Revoked.IsZero() })
		if found = i >= 0; found {
			t.state.keys[i].Revoked = time.Now()
			t.state.log(OpKeys, http.StatusOK, "%s revoked", id)
		}
	})
	return found
}

// ExpireKey lets a key's time be over now.
func (t *Tailnet) ExpireKey(id string) {
	t.state.change(func() {
		for _, k := range t.state.keys {
			if k.ID == id {
				k.Expires = time.Now()
			}
		}
	})
}

func (s *state) mint(o KeyOptions) *authKey {
	if o.Lifetime == 0 {
		o.Lifetime = defaultKeyLifetime
	}
	now := time.Now()
	id := newID("k")
	k := &authKey{
		secret: "tskey-auth-" + id + "-" + rand.Text(),
		user:   o.User, byCredential: o.byCredential,
		Key: Key{
			ID: id, Description: o.Description, Tags: slices.Clone(o.Tags),
			Reusable: o.Reusable, Ephemeral: o.Ephemeral, Preauthorized: o.Preauthorized,
			Created: now, Expires: now.Add(o.Lifetime),
		},
	}
	s.keys = append(s.keys, k)
	s.log(OpKeys, http.StatusOK, "%s made for %v", id, o.Tags)
	return k
}

// The refusals of an auth key, in control's own words: tailscale up prints
// them as they are.
var (
	errKeyUnknown = errors.New("invalid key: API key does not exist")
	errKeyInvalid = errors.New("invalid key: API key ID not valid")
)

// admit returns the key with this secret if it lets a node in. A node that is
// known already may show a used key again: its first answer may have been lost.
func (s *state) admit(secret string, known bool, now time.Time) (*authKey, error) {
	i := slices.IndexFunc(s.keys, func(k *authKey) bool { return k.secret == secret })
	if i < 0 {
		return nil, errKeyUnknown
	}
	k := s.keys[i]
	if k.Usable(now) || known && k.Revoked.IsZero() {
		return k, nil
	}
	return nil, errKeyInvalid
}

// refuseTags is the error for tags that are not among those allowed; nil if
// all are. The API and control word it alike.
func refuseTags(requested, allowed []string) error {
	var refused []string
	for _, tag := range requested {
		if !slices.Contains(allowed, tag) {
			refused = append(refused, tag)
		}
	}
	if refused == nil {
		return nil
	}
	return fmt.Errorf("requested tags [%s] are invalid or not permitted", strings.Join(refused, " "))
}
