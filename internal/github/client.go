// Package github is GitHub's REST API, as far as tailjoin needs it: variables
// that hold specs, and what the ID tokens of a repository say.
package github

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	gh "github.com/google/go-github/v66/github"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// DefaultURL is where the API of github.com answers.
const DefaultURL = "https://api.github.com"

// Options say which GitHub a client speaks to, and as whom.
type Options struct {
	Token     secret.Text
	From      string // where the token was found, for people: "GITHUB_TOKEN"
	BaseURL   string // GITHUB_API_URL, that of an Enterprise Server too; "" is DefaultURL
	UserAgent string
}

// A Client speaks to one GitHub. Its errors are Problems, and hold an *Error
// if GitHub answered.
type Client struct {
	api  *gh.Client
	from string
}

// New returns a client. Without a token there is nothing that it could do.
func New(o Options) (*Client, error) {
	if o.Token.IsZero() {
		return nil, diag.Input("there is no token for GitHub",
			"give one by --github-token, or in the variable GH_TOKEN or GITHUB_TOKEN")
	}
	if o.BaseURL == "" {
		o.BaseURL = DefaultURL
	}
	base, err := url.Parse(strings.TrimSuffix(o.BaseURL, "/") + "/") // go-github wants a / at the end
	if err != nil {
		return nil, diag.Input("the address of GitHub's API cannot be read", "see GITHUB_API_URL: "+DefaultURL+", or https://HOST/api/v3")
	}
	transport := &bearer{o.Token, base.Host, http.DefaultTransport.(*http.Transport).Clone()}
	api := gh.NewClient(&http.Client{Transport: transport})
	api.BaseURL, api.UserAgent = base, o.UserAgent
	return &Client{api, o.From}, nil
}

// A bearer shows the token to one host: go-github's own would follow a redirect
// with it to any other.
type bearer struct {
	token secret.Text
	host  string
	base  http.RoundTripper
}

func (b *bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host == b.host {
		req = req.Clone(req.Context())
		req.Header.Set("Authorization", "Bearer "+b.token.Reveal())
	}
	return b.base.RoundTrip(req)
}

// call makes one call, again if it failed in a way that may pass. doing says
// what it is for: "reading the variable X of acme/web".
func call[T any](ctx context.Context, c *Client, doing string, op func(context.Context) (T, *gh.Response, error)) (T, *gh.Response, error) {
	var last *gh.Response
	value, err := retry.Do(ctx, nil, func(ctx context.Context) (value T, err error) {
		value, last, err = op(ctx)
		return value, mark(err)
	})
	return value, last, c.explain(doing, err)
}
