package localtailnet

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"slices"
)

// What the API calls a key is of one of three kinds, each with a scope of its
// own; "" as a kind is an auth key.
// Source: https://tailscale.com/docs/reference/trust-credentials.
const (
	kindAuth      = "auth"
	kindClient    = "client"
	kindFederated = "federated"
)

var kindScopes = map[string]string{
	"": "auth_keys", kindAuth: "auth_keys", kindClient: "oauth_keys", kindFederated: "federated_keys",
}

func (t *Tailnet) createAnyKey(r *http.Request, actor *accessToken) (any, error) {
	kind, err := peekKind(r)
	if err != nil {
		return nil, err
	}
	scope, ok := kindScopes[kind]
	if !ok {
		return nil, apiError{http.StatusBadRequest, "keyType must be auth, client or federated"}
	}
	if err := t.permit(OpKeys, r, actor, scope); err != nil {
		return nil, err
	}
	if scope == kindScopes[kindAuth] {
		return t.createKey(r, actor)
	}
	return t.createCredential(r, actor)
}

// peekKind reads the keyType of a request's body and leaves the body as it was.
func peekKind(r *http.Request) (string, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "", apiError{http.StatusBadRequest, "reading the request: " + err.Error()}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	var peek struct{ KeyType string }
	if err := json.Unmarshal(body, &peek); err != nil {
		return "", apiError{http.StatusBadRequest, "decoding the request: " + err.Error()}
	}
	return peek.KeyType, nil
}

// listAnyKeys lists what is good for something, of the kinds that the actor may
// read. Without ?all=true that is less: see listsKind and madeBy.
func (t *Tailnet) listAnyKeys(r *http.Request, actor *accessToken) (any, error) {
	if err := t.permitAny(r, actor, "auth_keys:read", "oauth_keys:read", "federated_keys:read"); err != nil {
		return nil, err
	}
	everything := r.FormValue("all") == "true"
	lists := func(kind, userID string) bool {
		return actor.may(kindScopes[kind]+":read") && (everything || t.listsKind(actor, kind) && actor.madeBy(userID))
	}
	keys := []any{}
	for _, k := range t.usableKeys() {
		if lists(kindAuth, k.UserID) {
			keys = append(keys, k)
		}
	}
	for _, c := range t.Credentials() {
		if c.Revoked.IsZero() && lists(c.kind(), c.UserID) {
			keys = append(keys, c.api())
		}
	}
	return map[string]any{"keys": keys}, nil
}

// permitAny refuses an actor whose scopes include none of these.
func (t *Tailnet) permitAny(r *http.Request, actor *accessToken, scopes ...string) (err error) {
	for _, scope := range scopes {
		if actor.may(scope) {
			return nil
		}
	}
	return t.permit(OpKeys, r, actor, scopes[0])
}

// listsKind reports whether a list without ?all=true has keys of a kind: to the
// token of an OAuth client it shows OAuth clients, and to the token of a federated
// identity it shows federated identities.
// Source: Tailscale's OpenAPI document, GET /tailnet/{tailnet}/keys.
func (t *Tailnet) listsKind(actor *accessToken, kind string) bool {
	c, _ := t.anyCredential(actor.client)
	return actor.person || kind == c.kind()
}

// madeBy reports whether a list without ?all=true has keys that this user made:
// to a person it has their own.
func (a *accessToken) madeBy(userID string) bool { return !a.person || userID == a.userID() }

// getAnyKey also shows what is revoked: with invalid set. The credential that
// an actor speaks for is shown to it whatever its scopes.
func (t *Tailnet) getAnyKey(r *http.Request, actor *accessToken) (any, error) {
	id := r.PathValue("id")
	c, ok := t.anyCredential(id)
	if id != actor.client {
		if err := t.permit(OpKeys, r, actor, kindScopes[c.kind()]+":read"); err != nil {
			return nil, err
		}
	}
	if !ok {
		return t.getKey(r, actor)
	}
	return c.api(), nil
}

func (t *Tailnet) deleteAnyKey(r *http.Request, actor *accessToken) (any, error) {
	id := r.PathValue("id")
	c, ok := t.anyCredential(id)
	if err := t.permit(OpKeys, r, actor, kindScopes[c.kind()]); err != nil {
		return nil, err
	}
	if !ok {
		return t.deleteKey(r, actor)
	}
	if !t.RevokeCredential(id) {
		return nil, errNoKey
	}
	t.event(OpKeys, http.StatusOK, "%s revoked", id)
	return nil, nil
}

// anyCredential is the one with this ID, revoked or not. If there is none, its
// kind is that of an auth key.
func (t *Tailnet) anyCredential(id string) (Credential, bool) {
	all := t.Credentials()
	i := slices.IndexFunc(all, func(c Credential) bool { return c.ClientID == id })
	if i < 0 {
		return Credential{}, false
	}
	return all[i], true
}

func (c Credential) kind() string {
	switch {
	case c.Issuer != "":
		return kindFederated
	case c.ClientID != "":
		return kindClient
	default:
		return kindAuth
	}
}
