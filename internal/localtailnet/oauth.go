package localtailnet

import (
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// A tokenResponse is how the API hands out an access token (RFC 6749, 5.1).
type tokenResponse struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int    `json:"expires_in"` // seconds
	Scope       string `json:"scope"`      // separated by spaces
	Tags        string `json:"tags,omitempty"`
}

// errUnauthorized is the answer to every ID token that is refused. The reason
// is kept from the caller, as at Tailscale; it is in the events.
var errUnauthorized = apiError{http.StatusForbidden, "Unauthorized"}

// exchange trades a CI job's ID token for an access token. The form has
// client_id and jwt; what the official CLI adds to them (empty Basic
// authentication, grant_type, code) means nothing.
func (t *Tailnet) exchange(r *http.Request) (any, error) {
	id, token := r.PostFormValue("client_id"), r.PostFormValue("jwt")
	c, ok := t.credential(func(c Credential) bool { return c.ClientID == id && c.Issuer != "" })
	if !ok {
		t.event(OpExchange, http.StatusUnauthorized, "no federated identity has the client id %q", id)
		return nil, apiError{http.StatusUnauthorized, "invalid client"}
	}
	if err := c.federation().Verify(r.Context(), t.direct, token, time.Now()); err != nil {
		t.event(OpExchange, http.StatusForbidden, "%s: %v", id, err)
		return nil, errUnauthorized
	}
	t.state.change(func() { t.state.logExchange(id, token) })
	return t.issue(c), nil
}

// logExchange notes a good token, and whether it had been used before: nobody
// says that Tailscale refuses that, so it is not refused here.
func (s *state) logExchange(id, token string) {
	claims := jwt.MapClaims{}
	jwt.NewParser().ParseUnverified(token, claims) // it was verified a moment ago
	detail := fmt.Sprintf("%s: sub %v", id, claims["sub"])
	if jti, _ := claims["jti"].(string); jti != "" && slices.Contains(s.usedTokens, jti) {
		detail += ", REPLAYED"
	} else {
		s.usedTokens = append(s.usedTokens, jti)
	}
	s.log(OpExchange, http.StatusOK, "%s", detail)
}

// grant gives an OAuth client an access token (RFC 6749, 4.4). The client may
// ask for fewer scopes and tags than it has. As at Tailscale the secret alone
// counts, not the client id beside it.
func (t *Tailnet) grant(r *http.Request) (any, error) {
	if kind := r.PostFormValue("grant_type"); kind != "" && kind != "client_credentials" {
		return nil, apiError{http.StatusBadRequest, "unsupported grant type " + kind}
	}
	_, secret, basic := r.BasicAuth()
	if !basic {
		secret = r.PostFormValue("client_secret")
	}
	c, ok := t.credential(func(c Credential) bool { return c.Secret != "" && equal(c.Secret, secret) })
	if !ok {
		t.event(OpOAuth, http.StatusUnauthorized, "no OAuth client has this secret")
		return nil, errToken
	}
	granted, err := t.narrow(c, r.PostFormValue("scope"), r.PostFormValue("tags"))
	if err != nil {
		t.event(OpOAuth, http.StatusForbidden, "%s: %v", c.ClientID, err)
		return nil, err
	}
	t.event(OpOAuth, http.StatusOK, "%s: %v", c.ClientID, granted.Scopes)
	answer := t.issue(granted)
	answer.Tags = strings.Join(granted.Tags, " ")
	return answer, nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// narrow returns c with those of its scopes and tags that are asked for, both
// separated by spaces; all if none are. A scope that does not exist is ignored:
// if no other one is asked for, c stays whole, tags and all (tailscale#14286,
// tailscale#15456). The refusal of a scope is Tailscale's
// (adinhodovic/tailscale-exporter#34).
func (t *Tailnet) narrow(c Credential, scopes, tags string) (Credential, error) {
	whole := accessToken{scopes: c.Scopes, tags: c.Tags}
	asked := strings.Fields(scopes)
	wanted := slices.DeleteFunc(slices.Clone(asked), func(scope string) bool { return !isScope(scope) })
	switch {
	case len(asked) > 0 && len(wanted) == 0:
		return c, nil
	case slices.ContainsFunc(wanted, func(scope string) bool { return !whole.covers(scope) }):
		return c, apiError{http.StatusForbidden, fmt.Sprintf("OAuth client cannot grant scopes %q", scopes)}
	case len(wanted) > 0:
		c.Scopes = wanted
	}
	return t.narrowTags(c, &whole, strings.Fields(tags))
}

// narrowTags returns c with the tags that are asked for, which whole may give:
// all if none are. Only a token for devices or auth keys can have tags.
// Source: https://github.com/tailscale/tailscale/issues/8299.
func (t *Tailnet) narrowTags(c Credential, whole *accessToken, tags []string) (Credential, error) {
	if len(tags) == 0 {
		return c, nil
	}
	narrowed := accessToken{scopes: c.Scopes}
	if !narrowed.covers("devices:core:read") && !narrowed.covers("auth_keys:read") {
		return c, apiError{http.StatusBadRequest, "tags need one of the scopes devices and auth_keys"}
	}
	if err := t.refuseTagsOf(whole, tags); err != nil {
		return c, apiError{http.StatusBadRequest, err.Error()}
	}
	c.Tags = tags
	return c, nil
}

// issue makes an access token for the bearer of a credential.
func (t *Tailnet) issue(c Credential) tokenResponse {
	secret := t.addToken(accessToken{
		client: c.ClientID, scopes: c.Scopes, tags: c.Tags, expires: time.Now().Add(t.opts.TokenLifetime),
	})
	return tokenResponse{
		AccessToken: secret, TokenType: "Bearer",
		ExpiresIn: int(t.opts.TokenLifetime.Seconds()), Scope: strings.Join(c.Scopes, " "),
	}
}

// MintAPIKey makes an API access token as a person does in the admin console:
// it may do all that the person may.
func (t *Tailnet) MintAPIKey(lifetime time.Duration) string {
	return t.addToken(accessToken{scopes: []string{"all"}, person: true, expires: time.Now().Add(lifetime)})
}

func (t *Tailnet) addToken(a accessToken) (secret string) {
	a.secret = "tskey-api-" + newID("k") + "-" + rand.Text()
	t.state.change(func() { t.state.tokens = append(t.state.tokens, &a) })
	return a.secret
}
