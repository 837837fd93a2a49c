package tsapi

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// Exchange trades a workload's ID token for an access token, by the trust
// credential named clientID. Tailscale answers every refusal alike, with a
// 403 that does not say which claim is wrong.
// Source: https://tailscale.com/docs/features/workload-identity-federation.
func (c *Client) Exchange(ctx context.Context, clientID string, idToken secret.Text) (AccessToken, error) {
	return c.token(ctx, "/api/v2/oauth/token-exchange", url.Values{
		"client_id": {clientID},
		"jwt":       {idToken.Reveal()},
	})
}

// ClientCredentials trades an OAuth client's secret for an access token
// (RFC 6749, section 4.4), for these scopes or, if none are named, for all that
// the client has. Tailscale reads the client's ID from the secret, so clientID
// may be empty.
// Source: https://tailscale.com/kb/1215/oauth-clients.
func (c *Client) ClientCredentials(ctx context.Context, clientID string, clientSecret secret.Text, scopes ...string) (AccessToken, error) {
	form := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {clientID},
		"client_secret": {clientSecret.Reveal()},
	}
	if len(scopes) > 0 {
		form.Set("scope", strings.Join(scopes, " "))
	}
	return c.token(ctx, "/api/v2/oauth/token", form)
}

func (c *Client) token(ctx context.Context, path string, form url.Values) (AccessToken, error) {
	req, err := c.post(ctx, path, form)
	if err != nil {
		return AccessToken{}, err
	}
	res, err := refusing{c.sender()}.RoundTrip(req)
	if err != nil {
		return AccessToken{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, longestBody))
	if err != nil {
		c.sender().drop()
		return AccessToken{}, retry.Answer(fmt.Errorf("reading access token: %w", err))
	}
	if startsAsPage(body) {
		return AccessToken{}, mark(&Error{Status: res.StatusCode, Page: true}, res.Header)
	}
	return c.readToken(body)
}

func (c *Client) post(ctx context.Context, path string, form url.Values) (*http.Request, error) {
	base, err := c.base()
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base.JoinPath(path).String(), strings.NewReader(form.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.userAgent())
	return req, nil
}

func (c *Client) readToken(body []byte) (AccessToken, error) {
	var answer struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int    `json:"expires_in"` // seconds
		Scope       string `json:"scope"`      // space-separated
		Tags        string `json:"tags"`       // space-separated, of an OAuth client's token
	}
	if err := json.Unmarshal(body, &answer); err != nil || answer.AccessToken == "" {
		return AccessToken{}, &Error{Status: http.StatusOK, Message: "the answer holds no access token", Foreign: true}
	}
	return AccessToken{
		Text:    secret.New(answer.AccessToken),
		Scopes:  strings.Fields(answer.Scope),
		Tags:    strings.Fields(answer.Tags),
		Expires: c.now().Add(time.Duration(answer.ExpiresIn) * time.Second),
	}, nil
}
