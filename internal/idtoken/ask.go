package idtoken

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/retry"
)

// longest is where an answer is cut off: no token is longer.
const longest = 1 << 20

// An ask is one HTTP request for something that leads to a token.
type ask struct {
	method string // "" is GET
	url    string
	header http.Header
	body   string
}

// bearer is the header of most requests.
func bearer(token string) http.Header {
	return http.Header{"Authorization": {"Bearer " + token}, "Accept": {"application/json"}}
}

// withQuery adds to a URL that may have a query already. An empty value, as
// that of an audience nobody wants, is left out.
func withQuery(address, name, value string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("parsing the address of the token service: %w", errors.Unwrap(err))
	}
	if query := u.Query(); value != "" {
		query.Set(name, value)
		u.RawQuery = query.Encode()
	}
	return u.String(), nil
}

// asJSON encodes what cannot fail to be encoded: maps of strings and numbers.
func asJSON(value any) string {
	raw, _ := json.Marshal(value)
	return string(raw)
}

// send returns the body of a successful answer.
func (a ask) send(ctx context.Context, client *http.Client) ([]byte, error) {
	res, err := a.do(ctx, client)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, longest))
	if err != nil {
		return nil, retry.Answer(fmt.Errorf("reading the answer of %s: %w", res.Request.URL.Host, err))
	}
	if res.StatusCode/100 != 2 {
		return nil, refused(res, body)
	}
	return body, nil
}

func refused(res *http.Response, body []byte) *refusal {
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type"))
	return &refusal{
		server: res.Request.URL.Host, said: said(res.StatusCode), code: errorCode(body), status: res.StatusCode, header: res.Header,
		page: res.StatusCode == http.StatusForbidden && kind == "text/html",
	}
}

func said(status int) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
}

func (a ask) do(ctx context.Context, client *http.Client) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, a.method, a.url, strings.NewReader(a.body))
	if err != nil {
		return nil, fmt.Errorf("making the request for a token: %w", bare(err))
	}
	for name, values := range a.header {
		req.Header[name] = values
	}
	if err := checkCredential(req); err != nil {
		return nil, err
	}
	if a.body != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", req.URL.Host, bare(err))
	}
	return res, nil
}

// checkCredential refuses to show what a request is authorized by to the network.
// The addresses of most services come from the environment.
func checkCredential(req *http.Request) error {
	if req.URL.Scheme == "https" || req.Header.Get("Authorization") == "" || isNear(req.URL.String()) {
		return nil
	}
	return noToken("plain http:// would show this job's credential to the network", "the address of the token service must be https://, or http:// on this machine.\n"+
		"It is in a variable that the platform sets, such as ACTIONS_ID_TOKEN_REQUEST_URL, BUILDKITE_AGENT_ENDPOINT, SYSTEM_OIDCREQUESTURI or AWS_ENDPOINT_URL_STS", nil,
		diag.Fact{Name: "host", Value: req.URL.Host})
}

// bare takes the URL out of an error of net/http: it may hold a secret.
func bare(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		return wrapped.Err
	}
	return err
}

// stay refuses to follow a redirect: what is sent is for that server alone.
func stay(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// remote is the caller's client, as far as a token service may use it. HTTP/1.1
// alone: some answer HTTP_1_1_REQUIRED to a request of HTTP/2.
// Source: sigstore/cosign, pkg/providers/github.
func (j job) remote() *http.Client {
	client := *j.client
	client.CheckRedirect = stay
	if client.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.Protocols = new(http.Protocols)
		transport.Protocols.SetHTTP1(true)
		transport.DisableKeepAlives = true
		client.Transport = transport
	}
	return &client
}

// metadata is a client for what answers on this machine or its link: never by
// a proxy, and quick to see that nobody is there.
func metadata() *http.Client {
	dialer := net.Dialer{Timeout: 2 * time.Second}
	return &http.Client{CheckRedirect: stay, Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
}

// overSocket is a client for what listens on a Unix socket.
func overSocket(path string) *http.Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &http.Client{CheckRedirect: stay, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
}

// tokenFrom asks, and takes the token from a JSON answer.
func (a ask) tokenFrom(ctx context.Context, client *http.Client, keys ...string) (string, error) {
	body, err := a.send(ctx, client)
	if err != nil {
		return "", err
	}
	return pick(body, keys)
}

// pick finds the first of some keys that a JSON object has as text. A dot
// leads into an object: status.token.
func pick(body []byte, keys []string) (string, error) {
	var object map[string]any
	if err := json.Unmarshal(body, &object); err != nil {
		if text := strings.TrimSpace(string(body)); !strings.HasPrefix(text, "{") {
			return "", looks(text)
		}
		return "", odd("it is no JSON object")
	}
	for _, key := range keys {
		if value := lookUp(object, key); value != "" {
			return value, nil
		}
	}
	return "", odd("it is JSON without " + strings.Join(keys, ", "))
}

func lookUp(object map[string]any, key string) string {
	if value, ok := object[key].(string); ok {
		return value
	}
	first, rest, ok := strings.Cut(key, ".")
	inner, isObject := object[first].(map[string]any)
	if !ok || !isObject {
		return ""
	}
	return lookUp(inner, rest)
}

// errorCode is the name of an error, which servers give in one of a few places.
// What is no plain name is not shown.
func errorCode(body []byte) string {
	code := between(string(body), "<Code>", "</Code>")
	var object map[string]any
	if json.Unmarshal(body, &object) == nil {
		for _, key := range []string{"error", "code", "Code", "error.code", "reason", "typeKey"} {
			if code == "" {
				code = lookUp(object, key)
			}
		}
	}
	if !name.Matches(code) {
		return ""
	}
	return code
}

const name lazy.Pattern = `^[A-Za-z][A-Za-z_]{2,63}$`

func between(text, begin, end string) string {
	_, rest, _ := strings.Cut(text, begin)
	inner, _, ok := strings.Cut(rest, end)
	if !ok {
		return ""
	}
	return inner
}
