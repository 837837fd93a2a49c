//go:build unix

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
)

// A verifier is somebody who is shown tokens.
type verifier struct {
	name             string
	verify           func(ctx context.Context, token, audience string) error
	verified, errors atomic.Int64
}

// verifiersOf are several, none of which knows anything of this program. Those
// that cache keep the published keys for as long as they may, and do not look
// for a key that they do not know before that: it is how a token would be
// refused whose key was published too late.
func verifiersOf(t *testing.T, issuer string) []*verifier {
	t.Helper()
	provider, err := oidc.NewProvider(t.Context(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	one, other, none := &cache{url: issuer + keysPath}, &cache{url: issuer + keysPath}, &cache{url: issuer + keysPath, forgets: true}
	return []*verifier{
		{name: "go-oidc, which looks for keys it does not know", verify: func(ctx context.Context, token, audience string) error {
			_, err := provider.Verifier(&oidc.Config{ClientID: audience}).Verify(ctx, token)
			return err
		}},
		{name: "go-jose, which keeps the keys for max-age", verify: one.byJose},
		{name: "golang-jwt, which keeps the keys for max-age", verify: other.byJWT},
		{name: "golang-jwt, which fetches the keys each time", verify: none.byJWT},
	}
}

// A cache is published keys, kept for as long as Cache-Control allows.
type cache struct {
	url     string
	forgets bool

	mu      sync.Mutex
	until   time.Time
	keys    jose.JSONWebKeySet
	fetches int
}

var maxAge = regexp.MustCompile(`max-age=(\d+)`)

func (c *cache) key(ctx context.Context, kid string) (*jose.JSONWebKey, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.forgets || time.Now().After(c.until) {
		if err := c.fetch(ctx); err != nil {
			return nil, err
		}
	}
	found := c.keys.Key(kid)
	if len(found) != 1 {
		return nil, fmt.Errorf("%d keys are called %s; %v left until the next look at them", len(found), kid, time.Until(c.until))
	}
	return &found[0], nil
}

func (c *cache) fetch(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	if err != nil {
		return err
	}
	asked := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	age := maxAge.FindStringSubmatch(res.Header.Get("Cache-Control"))
	if res.StatusCode != http.StatusOK || age == nil {
		return fmt.Errorf("%s, Cache-Control %q", res.Status, res.Header.Get("Cache-Control"))
	}
	seconds, err := strconv.Atoi(age[1])
	if err != nil {
		return err
	}
	c.until = asked.Add(time.Duration(seconds) * time.Second) // from the question on: RFC 9111, section 4.2.3
	c.fetches++
	return json.NewDecoder(res.Body).Decode(&c.keys)
}

func (c *cache) byJose(ctx context.Context, token, audience string) error {
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256, jose.EdDSA})
	if err != nil {
		return err
	}
	key, err := c.key(ctx, parsed.Signatures[0].Header.KeyID)
	if err != nil {
		return err
	}
	_, err = parsed.Verify(key)
	return err
}

func (c *cache) byJWT(ctx context.Context, token, audience string) error {
	_, err := jwt.Parse(token, func(token *jwt.Token) (any, error) {
		kid, ok := token.Header["kid"].(string)
		if !ok {
			return nil, errors.New("no kid")
		}
		key, err := c.key(ctx, kid)
		if err != nil {
			return nil, err
		}
		return key.Key, nil
	}, jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithValidMethods([]string{"ES256", "EdDSA"}))
	return err
}
