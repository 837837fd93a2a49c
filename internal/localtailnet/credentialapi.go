package localtailnet

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// A credentialRequest makes a trust credential, or replaces all that one is.
type credentialRequest struct {
	KeyType          string            `json:"keyType"` // client or federated
	Description      string            `json:"description"`
	Scopes           []string          `json:"scopes"`
	Tags             []string          `json:"tags,omitempty"`
	Issuer           string            `json:"issuer,omitempty"` // this and below: federated only
	Subject          string            `json:"subject,omitempty"`
	Audience         string            `json:"audience,omitempty"` // "" is made up
	CustomClaimRules map[string]string `json:"customClaimRules,omitempty"`
}

// An apiCredential is a trust credential as the API shows it.
type apiCredential struct {
	ID string `json:"id"`
	credentialRequest
	Key     string    `json:"key,omitempty"` // the secret: in the answer to its making only
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
	Invalid bool      `json:"invalid"`
	UserID  string    `json:"userId,omitempty"` // of who made it; "" is a trust credential
}

func (c Credential) api() apiCredential {
	a := apiCredential{
		ID: c.ClientID, Created: c.Created, Updated: c.Updated, Revoked: c.Revoked, Invalid: !c.Revoked.IsZero(), UserID: c.UserID,
		credentialRequest: credentialRequest{
			KeyType: c.kind(), Description: c.Description, Scopes: c.Scopes, Tags: c.Tags,
			Issuer: c.Issuer, Subject: c.Subject, CustomClaimRules: c.Claims,
		},
	}
	if c.Issuer != "" {
		a.Audience = c.audience()
	}
	return a
}

// credential is what the request asks for.
func (q credentialRequest) credential() Credential {
	return Credential{
		Description: q.Description, Scopes: q.Scopes, Tags: q.Tags,
		Issuer: q.Issuer, Subject: q.Subject, Audience: q.Audience, Claims: q.CustomClaimRules,
	}
}

func (t *Tailnet) createCredential(r *http.Request, actor *accessToken) (any, error) {
	q, err := t.readCredential(r, actor)
	if err != nil {
		return nil, err
	}
	c := q.credential()
	c.Created, c.UserID = time.Now(), actor.userID()
	c.ClientID = newID("k")
	if q.KeyType == kindFederated {
		c.ClientID = t.id + "-" + c.ClientID
	} else {
		c.Secret = "tskey-client-" + c.ClientID + "-" + rand.Text()
	}
	t.AddCredential(c)
	t.event(OpKeys, http.StatusOK, "%s %s made for %v", q.KeyType, c.ClientID, c.Tags)
	made := c.api()
	made.Key = c.Secret
	return made, nil
}

// setCredential replaces all that a credential is, but for its kind.
func (t *Tailnet) setCredential(r *http.Request, actor *accessToken) (any, error) {
	old, _ := t.anyCredential(r.PathValue("id"))
	if err := t.permit(OpKeys, r, actor, kindScopes[old.kind()]); err != nil {
		return nil, err
	}
	if old.ClientID == "" || !old.Revoked.IsZero() {
		return nil, errNoKey
	}
	q, err := t.readCredential(r, actor)
	if err != nil {
		return nil, err
	}
	if q.KeyType != old.kind() {
		return nil, apiError{http.StatusBadRequest, "keyType of an existing key cannot be changed"}
	}
	c := q.credential()
	c.ClientID, c.Secret, c.UserID, c.Created, c.Updated = old.ClientID, old.Secret, old.UserID, old.Created, time.Now()
	t.state.change(func() {
		i := slices.IndexFunc(t.state.creds, func(have Credential) bool { return have.ClientID == c.ClientID })
		t.state.creds[i] = c
	})
	t.event(OpKeys, http.StatusOK, "%s %s set for %v", q.KeyType, c.ClientID, c.Tags)
	return c.api(), nil
}

// readCredential refuses what no credential may be, and what this actor may not
// make.
func (t *Tailnet) readCredential(r *http.Request, actor *accessToken) (q credentialRequest, err error) {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err = decoder.Decode(&q); err == nil {
		err = cmp.Or(q.check(), t.refuseTagsOf(actor, q.Tags))
	}
	if err != nil {
		t.event(OpKeys, http.StatusBadRequest, "%v", err)
		err = apiError{http.StatusBadRequest, err.Error()}
	}
	return q, err
}
