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
	return t.issue(c, c.Scopes, c.Tags), nil
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
	scopes, err := narrow("scopes", r.PostFormValue("scope"), c.Scopes, includes)
	if err != nil {
		return nil, err
	}
	tags, err := narrow("tags", r.PostFormValue("tags"), c.Tags, func(have, want string) bool { return have == want })
	if err != nil {
		return nil, err
	}
	t.event(OpOAuth, http.StatusOK, "%s: %v", c.ClientID, scopes)
	return t.issue(c, scopes, tags), nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }

// narrow returns the part of have that is asked for: all if nothing is.
func narrow(what, asked string, have []string, covers func(have, want string) bool) ([]string, error) {
	wanted := strings.Fields(asked)
	if len(wanted) == 0 {
		return have, nil
	}
	for _, w := range wanted {
		if !slices.ContainsFunc(have, func(h string) bool { return covers(h, w) }) {
			return nil, apiError{http.StatusBadRequest, fmt.Sprintf("requested %s [%s] are invalid or not permitted", what, w)}
		}
	}
	return wanted, nil
}

// issue makes an access token for the bearer of a credential.
func (t *Tailnet) issue(c Credential, scopes, tags []string) tokenResponse {
	a := &accessToken{
		secret: "tskey-api-" + newID("k") + "-" + rand.Text(),
		client: c.ClientID, scopes: scopes, tags: tags,
		expires: time.Now().Add(t.opts.TokenLifetime),
	}
	t.state.change(func() { t.state.tokens = append(t.state.tokens, a) })
	return tokenResponse{
		AccessToken: a.secret, TokenType: "Bearer",
		ExpiresIn: int(t.opts.TokenLifetime.Seconds()), Scope: strings.Join(scopes, " "),
	}
}
