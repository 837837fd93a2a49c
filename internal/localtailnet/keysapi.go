package localtailnet

import (
	"cmp"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"time"
)

// An apiKey is an auth key as the API shows it. The request to make one has
// the same form.
type apiKey struct {
	ID            string          `json:"id"`
	KeyType       string          `json:"keyType"`       // "auth"
	Key           string          `json:"key,omitempty"` // the secret: in the answer to its making only
	Description   string          `json:"description"`
	ExpirySeconds int64           `json:"expirySeconds"`
	Created       time.Time       `json:"created"`
	Expires       time.Time       `json:"expires"`
	Revoked       time.Time       `json:"revoked,omitzero"`
	Invalid       bool            `json:"invalid"`
	UserID        string          `json:"userId,omitempty"` // of who made it; "" is a trust credential
	Capabilities  keyCapabilities `json:"capabilities"`
}

type keyCapabilities struct {
	Devices struct {
		Create struct {
			Reusable      bool     `json:"reusable"`
			Ephemeral     bool     `json:"ephemeral"`
			Preauthorized bool     `json:"preauthorized"`
			Tags          []string `json:"tags,omitempty"`
		} `json:"create"`
	} `json:"devices"`
}

func (k Key) api(now time.Time) apiKey {
	a := apiKey{
		ID: k.ID, KeyType: "auth", Description: k.Description,
		ExpirySeconds: int64(k.Expires.Sub(k.Created).Seconds()),
		Created:       k.Created, Expires: k.Expires, Revoked: k.Revoked,
		Invalid: !k.Usable(now),
	}
	c := &a.Capabilities.Devices.Create
	c.Reusable, c.Ephemeral, c.Preauthorized, c.Tags = k.Reusable, k.Ephemeral, k.Preauthorized, k.Tags
	return a
}

func (t *Tailnet) createKey(r *http.Request, actor *accessToken) (any, error) {
	var req apiKey
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		return nil, apiError{http.StatusBadRequest, "decoding the request: " + err.Error()}
	}
	if err := cmp.Or(req.check(actor.person), t.refuseTagsOf(actor, req.Capabilities.Devices.Create.Tags)); err != nil {
		t.event(OpKeys, http.StatusBadRequest, "%v", err)
		return nil, apiError{http.StatusBadRequest, err.Error()}
	}
	c := req.Capabilities.Devices.Create
	k, secret := t.MintKey(KeyOptions{
		Description: req.Description, Tags: c.Tags,
		Reusable: c.Reusable, Ephemeral: c.Ephemeral, Preauthorized: c.Preauthorized,
		Lifetime: time.Duration(req.ExpirySeconds) * time.Second, byCredential: !actor.person,
	})
	made, _ := t.shownKey(k.ID)
	made.Key = secret
	return made, nil
}

// shownKey is an auth key as the API shows it.
func (t *Tailnet) shownKey(id string) (shown apiKey, found bool) {
	t.state.read(func() {
		if i := slices.IndexFunc(t.state.keys, func(k *authKey) bool { return k.ID == id }); i >= 0 {
			k := t.state.keys[i]
			shown, found = k.api(time.Now()), true
			shown.UserID = t.state.userOf(k)
		}
	})
	return shown, found
}

// descriptionForm is what Tailscale's OpenAPI document says of a description.
var descriptionForm = regexp.MustCompile(`^[A-Za-z0-9 -]{0,50}$`)

// check says why the key cannot be made, whatever tags the actor may give. The
// text about tags is Tailscale's.
func (k apiKey) check(person bool) error {
	maximum := int64(defaultKeyLifetime.Seconds())
	switch {
	case k.KeyType != "" && k.KeyType != "auth":
		return apiError{Message: "keyType " + k.KeyType + " is not offered by this tailnet"}
	case !descriptionForm.MatchString(k.Description):
		return apiError{Message: "description must have at most 50 characters: letters, digits, hyphens, spaces"}
	case k.ExpirySeconds < 0 || k.ExpirySeconds > maximum:
		return apiError{Message: "expirySeconds must be at most 90 days"}
	case len(k.Capabilities.Devices.Create.Tags) == 0 && !person:
		return apiError{Message: "tailnet-owned auth key must have tags set"}
	}
	return nil
}

// refuseTagsOf says why actor may not give these tags to a key or a credential;
// nil if it may. A person, and a credential with the scope all, may give every
// tag that the tailnet has.
// Source: https://github.com/tailscale/tailscale/issues/8299.
func (t *Tailnet) refuseTagsOf(actor *accessToken, tags []string) (err error) {
	t.state.read(func() {
		switch {
		case len(tags) == 0:
		case actor.person || slices.Contains(actor.scopes, "all"):
			err = refuseTags(tags, t.state.knownTags())
		default:
			err = t.state.refuseGrant(tags, actor.tags)
		}
	})
	return err
}

// usableKeys are the auth keys that still let a node in.
func (t *Tailnet) usableKeys() (usable []apiKey) {
	now := time.Now()
	for _, k := range t.Keys() {
		if shown, _ := t.shownKey(k.ID); k.Usable(now) {
			usable = append(usable, shown)
		}
	}
	return usable
}

var errNoKey = apiError{http.StatusNotFound, "key not found"}

// getKey also shows a key that was used, revoked or has expired: with invalid
// set.
func (t *Tailnet) getKey(r *http.Request, _ *accessToken) (any, error) {
	if k, found := t.shownKey(r.PathValue("id")); found {
		return k, nil
	}
	return nil, errNoKey
}

func (t *Tailnet) deleteKey(r *http.Request, _ *accessToken) (any, error) {
	if !t.RevokeKey(r.PathValue("id")) {
		return nil, errNoKey
	}
	return nil, nil
}
