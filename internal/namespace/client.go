// Package namespace is Namespace's API, as far as tailjoin needs it: the named
// Tailscale specs that a workspace keeps there.
package namespace

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// DefaultURL is where the service answers that knows workspaces.
const DefaultURL = "https://private-api.global.namespaceapis.com"

// Endpoint is where it answers for this process.
// Source: namespacelabs/integrations, nsc/apienv.
func Endpoint(env func(string) string) string {
	return cmp.Or(env("NSC_IAM_ENDPOINT"), env("NSC_GLOBAL_ENDPOINT"), DefaultURL)
}

// workload is where a machine of Namespace has its token.
const workload = "/var/run/nsc/token.json"

// Inside reports that this process runs on a machine of Namespace.
func Inside(env func(string) string) bool {
	return env("NSC_TOKEN_FILE") != "" || exists(workload)
}

// TokenFile is the token of this machine, else that of the person who called
// `nsc login`; "" if there is none.
// Source: namespacelabs/foundation, internal/fnapi/tokens.go.
func TokenFile(env func(string) string) string {
	if file := env("NSC_TOKEN_FILE"); file != "" {
		return file
	}
	candidates := []string{workload}
	if dir, err := os.UserConfigDir(); err == nil {
		candidates = append(candidates, filepath.Join(dir, "ns", "token.json"))
	}
	for _, file := range candidates {
		if exists(file) {
			return file
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// A Client speaks for the workspace that the token in a file belongs to.
type Client struct {
	URL       string // see Endpoint
	TokenFile string // see TokenFile
	UserAgent string
}

// tokens is what such a file holds: some machines have the token of a session.
type tokens struct {
	Bearer  string `json:"bearer_token"`
	Tenant  string `json:"tenant_token"` // of older machines
	Session string `json:"session_token"`
}

// sessionSeconds is how long a token is good that is made for one command.
const sessionSeconds = 600

// token is what the workspace is asked with. That of a session is traded.
func (c *Client) token(ctx context.Context) (secret.Text, error) {
	raw, err := os.ReadFile(c.TokenFile)
	if err != nil {
		return secret.Text{}, noToken(err)
	}
	var file tokens
	if err := json.Unmarshal(raw, &file); err != nil || file == (tokens{}) {
		return secret.Text{}, noToken(fmt.Errorf("%s holds no token", c.TokenFile))
	}
	if file.Session == "" {
		return secret.New(cmp.Or(file.Bearer, file.Tenant)), nil
	}
	var answer struct {
		Token string `json:"tenant_token"`
	}
	err = c.post(ctx, secret.New(file.Session), "nsl.signin.SigninService/IssueTenantTokenFromSession",
		map[string]int{"token_duration_secs": sessionSeconds}, &answer)
	if err == nil && answer.Token == "" {
		err = noToken(errors.New("the session was given none"))
	}
	return secret.New(answer.Token), err
}

func noToken(err error) error {
	return &diag.Problem{
		Code: "namespace-refused", Summary: "there is no token for Namespace", Err: err,
		Hint: "on a machine of Namespace it is there by itself; elsewhere run `nsc login`, or name the file in NSC_TOKEN_FILE",
	}
}

const longestAnswer = 8 << 20

// post calls a method of a service with JSON, and reads the answer into out.
// Each failure that may pass is tried again.
func (c *Client) post(ctx context.Context, token secret.Text, method string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	_, err = retry.Do(ctx, nil, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, c.once(ctx, token, method, body, out)
	})
	return explain(method[strings.LastIndexByte(method, '/')+1:], err)
}

func (c *Client) once(ctx context.Context, token secret.Text, method string, body []byte, out any) error {
	url := strings.TrimSuffix(c.URL, "/") + "/" + method
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token.Reveal())
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", c.UserAgent)
	res, err := stay.Do(req)
	if err != nil {
		return retry.Network(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, longestAnswer))
	if err != nil {
		return retry.Network(retry.Answer(err))
	}
	if refused := readError(res, answer); refused != nil {
		return retry.Status(refused, refused.Status, res.Header)
	}
	return json.Unmarshal(answer, out)
}

// stay follows no redirect: the token is for that server alone.
var stay = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
