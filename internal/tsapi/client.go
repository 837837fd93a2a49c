// Package tsapi is Tailscale's HTTP API: the calls that a CI job needs.
//
// The token exchange is its own, since its refusal is the error that users
// read most. Everything else goes through tailscale.com/client/tailscale/v2.
package tsapi

import (
	"context"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/tailjoin/tailjoin/internal/httpurl"
	"github.com/tailjoin/tailjoin/internal/secret"
	tailscale "tailscale.com/client/tailscale/v2"
)

// DefaultURL is where Tailscale's API answers.
const DefaultURL = "https://api.tailscale.com"

// A Client talks to one API server. The zero value talks to Tailscale's.
// Methods return an *Error for every answer that is not 2xx, and mark what is
// worth another try as *retry.Later. No method tries again by itself: an ID
// token must be fresh for each exchange, and a key that was perhaps created
// must not be created twice unnoticed.
type Client struct {
	BaseURL   string           // "" is DefaultURL
	Tailnet   string           // "" is that of whoever asks
	UserAgent string           // "" is "tailjoin"
	Now       func() time.Time // nil is time.Now

	once      sync.Once
	transport *transport
}

// An AccessToken lets its bearer call the API for an hour at most.
type AccessToken struct {
	secret.Text
	Scopes  []string
	Tags    []string // of the credential; none if the API did not say
	Expires time.Time
}

// CheckURL reports what is wrong with an API or control server address.
func CheckURL(address string) error {
	_, err := httpurl.Parse(address)
	return err
}

func (c *Client) base() (*url.URL, error) {
	if c.BaseURL == "" {
		return httpurl.Parse(DefaultURL)
	}
	return httpurl.Parse(c.BaseURL)
}

func (c *Client) now() time.Time {
	if c.Now == nil {
		return time.Now()
	}
	return c.Now()
}

func (c *Client) userAgent() string {
	if c.UserAgent == "" {
		return "tailjoin"
	}
	return c.UserAgent
}

// as is the official client, acting for the bearer of token.
func (c *Client) as(token AccessToken) (*tailscale.Client, error) {
	base, err := c.base()
	if err != nil {
		return nil, err
	}
	return &tailscale.Client{
		BaseURL:   base,
		UserAgent: c.userAgent(),
		Tailnet:   c.Tailnet,
		APIKey:    token.Reveal(),
		HTTP:      &http.Client{Transport: refusing{c.sender()}},
	}, nil
}

// DeleteDevice removes a node from the tailnet. It needs the scope
// devices:core. Source: https://tailscale.com/api#tag/devices.
func (c *Client) DeleteDevice(ctx context.Context, token AccessToken, nodeID string) error {
	api, err := c.as(token)
	if err != nil {
		return err
	}
	return answered(api.Devices().Delete(ctx, nodeID))
}
