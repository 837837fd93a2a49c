package tsapi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tailjoin/tailjoin/internal/retry"
)

// A Policy is a tailnet's policy file as the API keeps it.
type Policy struct {
	Text []byte // HuJSON
	ETag string // names this version: without quotes, and without the mark of a weak one; "" if the API gave none
}

// A Finding is what the API says of the tests of one source, or of one part of
// a policy.
type Finding struct {
	User     string   `json:"user"` // src of the tests, mostly
	Errors   []string `json:"errors"`
	Warnings []string `json:"warnings"`
}

// A Verdict is what the API says of a policy that it was asked about.
type Verdict struct {
	Message  string // "" if there is nothing to say
	Findings []Finding
}

// Refused reports whether it is more than warnings.
func (v Verdict) Refused() bool {
	warnings := false
	for _, f := range v.Findings {
		if len(f.Errors) > 0 {
			return true
		}
		warnings = warnings || len(f.Warnings) > 0
	}
	return v.Message != "" && !warnings
}

// Policy is the live one. It needs the scope policy_file:read.
// Source: https://tailscale.com/api#tag/policyfile.
func (c *Client) Policy(ctx context.Context, token AccessToken) (Policy, error) {
	return c.policy(ctx, token, http.MethodGet, nil, nil)
}

// SetPolicy replaces the live policy if it still is the version that etag
// names, or else returns an *Error with status 412; without an etag it replaces
// whatever there is. It needs the scope policy_file. If the answer is lost, the
// policy may be in force: look before you try again.
func (c *Client) SetPolicy(ctx context.Context, token AccessToken, text []byte, etag string) (Policy, error) {
	header := http.Header{"Content-Type": {hujson}}
	if etag != "" {
		header.Set("If-Match", `"`+etag+`"`)
	}
	return c.policy(ctx, token, http.MethodPost, text, header)
}

// ValidatePolicy asks what the API thinks of a policy; it runs the tests in it
// and keeps nothing. What it cannot read at all may be an *Error with status
// 400 instead. It needs the scope policy_file:read.
func (c *Client) ValidatePolicy(ctx context.Context, token AccessToken, text []byte) (Verdict, error) {
	res, body, err := c.aboutPolicy(ctx, token, http.MethodPost, "/validate", text, http.Header{"Content-Type": {hujson}})
	if err != nil || len(bytes.TrimSpace(body)) == 0 { // an empty answer is a good one
		return Verdict{}, err
	}
	var v struct {
		Message string    `json:"message"`
		Data    []Finding `json:"data"`
	}
	if err := json.Unmarshal(body, &v); err != nil {
		return Verdict{}, fmt.Errorf("the answer to a validation is none: %s: %q", res.Status, quote(body))
	}
	return Verdict{v.Message, v.Data}, nil
}

const (
	hujson        = "application/hujson"
	longestPolicy = 16 << 20 // bytes
)

func (c *Client) policy(ctx context.Context, token AccessToken, method string, text []byte, header http.Header) (Policy, error) {
	res, body, err := c.aboutPolicy(ctx, token, method, "", text, header)
	if err != nil {
		return Policy{}, err
	}
	return Policy{body, bareETag(res.Header.Get("ETag"))}, nil
}

// aboutPolicy makes one call. The official client is not used: it hides the
// status behind a body that is no JSON, takes warnings for errors, and keeps
// the ETag of a new version to itself.
func (c *Client) aboutPolicy(ctx context.Context, token AccessToken, method, below string, text []byte, header http.Header) (*http.Response, []byte, error) {
	base, err := c.base()
	if err != nil {
		return nil, nil, err
	}
	address := base.JoinPath("/api/v2/tailnet", url.PathEscape(cmp.Or(c.Tailnet, "-")), "acl"+below)
	req, err := http.NewRequestWithContext(ctx, method, address.String(), bytes.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	if header != nil {
		req.Header = header
	}
	req.Header.Set("Accept", hujson)
	req.Header.Set("User-Agent", c.userAgent())
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	res, err := refusing{c.sender()}.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, longestPolicy+1))
	if err == nil && len(body) > longestPolicy {
		err = errors.New("the answer is too long for a policy")
	}
	return res, body, retry.Network(retry.Answer(err))
}

// bareETag is what stands in the quotes of an ETag (RFC 9110, section 8.8.3). A
// proxy that compresses marks a tag as weak, and If-Match takes strong ones
// alone. What has no quotes is taken as it is.
func bareETag(header string) string {
	tag := strings.TrimPrefix(strings.TrimSpace(header), "W/")
	return strings.Trim(tag, `"`)
}
