package etcd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// A client speaks etcd's API as JSON: https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway.
// It makes two calls, for which the official client would make a program of 24 MB
// one of 37 MB.
type client struct {
	http      *http.Client
	endpoints []string
	key, user string
	password  secret.Text

	mu    sync.Mutex
	first int         // of the endpoints: the one to ask
	token secret.Text // of the user; zero: there is none yet
}

// Limits of one call.
const (
	callLimit = 5 * time.Second
	dialLimit = 2 * time.Second
	mostBytes = 4 << 20 // etcd itself takes 1.5 MB
)

// call asks one question. A token that is refused may have expired, or its
// user may have changed: it is asked once more, with another.
func (c *client) call(ctx context.Context, path string, question, answer any) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	kept := !c.token.IsZero()
	err := c.asUser(ctx, path, question, answer)
	if _, refused := errors.AsType[*refusal](err); refused && kept {
		c.token = secret.Text{}
		err = c.asUser(ctx, path, question, answer)
	}
	return c.explain(err)
}

func (c *client) asUser(ctx context.Context, path string, question, answer any) error {
	if c.user != "" && c.token.IsZero() {
		if err := c.authenticate(ctx); err != nil {
			return err
		}
	}
	return c.ask(ctx, path, question, answer)
}

func (c *client) authenticate(ctx context.Context) error {
	var got struct {
		Token string `json:"token"`
	}
	err := c.ask(ctx, "/v3/auth/authenticate", map[string]string{"name": c.user, "password": c.password.Reveal()}, &got)
	if err == nil && got.Token == "" {
		err = &refusal{Message: "it gave no token to the user"}
	}
	c.token = secret.New(got.Token)
	return err
}

// ask goes on to the next endpoint if one cannot be reached. Elsewhere the
// question may have arrived, so it is not asked again; the next one goes to
// another endpoint.
func (c *client) ask(ctx context.Context, path string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return err
	}
	for range c.endpoints {
		if err = c.post(ctx, c.endpoints[c.first]+path, body, answer); err == nil {
			return nil
		}
		if _, refused := errors.AsType[*refusal](err); refused {
			return err
		}
		c.first = (c.first + 1) % len(c.endpoints)
		if unreached, ok := errors.AsType[*net.OpError](err); !ok || unreached.Op != "dial" {
			return err
		}
	}
	return err
}

func (c *client) post(ctx context.Context, url string, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	// By this header etcd tells a request of its gateway from one by gRPC, whose
	// user may be that of the certificate: here it would be that of etcd itself.
	// Source: auth/store.go, AuthInfoFromTLS, at etcd v3.6.16.
	req.Header.Set("Accept", "application/json")
	if !c.token.IsZero() {
		req.Header.Set("Authorization", c.token.Reveal())
	}
	res, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(res.Body, mostBytes))
	switch {
	case err != nil:
		return err
	case res.StatusCode != http.StatusOK:
		return refusalOf(res, raw)
	case json.Unmarshal(raw, answer) != nil:
		return &refusal{Message: "its answer is none of etcd's"} // json's own words might quote a key
	}
	return nil
}

// A refusal is an answer that would be the same the next time.
type refusal struct {
	Code    int    `json:"code"` // of gRPC
	Message string `json:"message"`
}

func (r *refusal) Error() string { return r.Message }

// refusalOf is what an answer means. Where it may pass it is no refusal.
func refusalOf(res *http.Response, raw []byte) error {
	var r refusal
	if json.Unmarshal(raw, &r) != nil || r.Message == "" {
		r.Message = "it answers " + res.Status + ", and not as etcd does"
	}
	if res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests {
		return fmt.Errorf("%w: %s", keyring.ErrAway, r.Message)
	}
	return &r
}
