package server_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/server"
)

func TestDiscovery_hasWhatVerifiersAskFor(t *testing.T) {
	t.Parallel()
	s := start(t, tailnet, func(o *server.Options) {
		o.Policy.Rules = append(o.Policy.Rules, allowing(t, "RS256", "//iam.googleapis.com/x").Rules...)
	})
	_, body := s.ask(t, "GET", "/.well-known/openid-configuration", nil)
	var got map[string]any
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"issuer": s.URL, "jwks_uri": s.URL + "/.well-known/jwks.json", "token_endpoint": s.URL + "/token",
		"response_types_supported": []any{"id_token"}, "subject_types_supported": []any{"public"},
		"id_token_signing_alg_values_supported": []any{"ES256", "RS256"}, "scopes_supported": []any{"openid"},
		"claims_supported": []any{"aud", "exp", "iat", "iss", tsiam, "jti", "nbf", "sub"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestPublished_mayBeKeptAndIsAskedForAgain(t *testing.T) {
	t.Parallel()
	s := start(t, public)
	for _, path := range []string{"/.well-known/jwks.json", "/.well-known/openid-configuration"} {
		res, _ := s.ask(t, "GET", path, nil)
		if got := res.Header.Get("Cache-Control"); got != "public, max-age=300" {
			t.Errorf("%s: Cache-Control: %s", path, got)
		}
		again, body := s.ask(t, "GET", path, map[string]string{"If-None-Match": res.Header.Get("ETag")})
		if again.StatusCode != http.StatusNotModified || body != "" {
			t.Errorf("%s, unchanged: %s %s", path, again.Status, body)
		}
	}
	before, _ := s.ask(t, "GET", "/.well-known/jwks.json", nil)
	if _, err := s.keys.Rotate(t.Context(), keyring.Rotation{Force: true}); err != nil {
		t.Fatal(err)
	}
	res, _ := s.ask(t, "GET", "/.well-known/jwks.json", map[string]string{"If-None-Match": before.Header.Get("ETag")})
	if res.StatusCode != http.StatusOK {
		t.Errorf("after a rotation: %s", res.Status)
	}
}

// A replica that hears nothing of the others must not have verifiers keep what
// it knows: another key may sign by now.
func TestPublished_mayNotBeKeptWhenItMayBeOld(t *testing.T) {
	t.Parallel()
	s := start(t, public)
	s.clock.Pass(31 * time.Second) // in which the keys were not seen in the store
	for _, path := range []string{server.KeysPath, server.DiscoveryPath} {
		if res, _ := s.ask(t, "GET", path, nil); res.StatusCode != 200 || res.Header.Get("Cache-Control") != "public, max-age=0" {
			t.Errorf("%s: %s %s", path, res.Status, res.Header.Get("Cache-Control"))
		}
	}
}

// Later a key may sign that this replica has never seen: another one has to
// answer.
func TestPublished_isRefusedWhenItMayLackAKey(t *testing.T) {
	t.Parallel()
	s := start(t, public)
	for path, document := range map[string]string{server.KeysPath: `"keys"`, server.DiscoveryPath: `"jwks_uri"`} {
		if res, body := s.ask(t, "GET", path, nil); res.StatusCode != http.StatusOK || !strings.Contains(body, document) {
			t.Errorf("%s: %s %s", path, res.Status, body)
		}
	}
	s.clock.Pass(time.Hour + 31*time.Second) // the longest lifetime, and how long a replica signs that hears nothing
	for _, path := range []string{server.KeysPath, server.DiscoveryPath} {
		res, body := s.ask(t, "GET", path, nil)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Cache-Control") != "no-store" || !strings.Contains(body, `"unavailable"`) {
			t.Errorf("%s: %s %v %s", path, res.Status, res.Header, body)
		}
	}
}

// A cache counts from the date how long it may keep an answer (RFC 9111,
// section 4.2.3). So the date is from before the keys were looked at.
func TestPublished_isDatedByTheServersClock(t *testing.T) {
	t.Parallel()
	s := start(t, public)
	s.clock.Pass(20 * time.Second) // net/http has another one
	for _, path := range []string{server.KeysPath, server.DiscoveryPath} {
		res, _ := s.ask(t, "GET", path, nil)
		if want := s.clock.Now().UTC().Format(http.TimeFormat); res.Header.Get("Date") != want {
			t.Errorf("%s is dated %q, want %q", path, res.Header.Get("Date"), want)
		}
	}
}

func TestKeys_showNothingPrivate(t *testing.T) {
	t.Parallel()
	s := start(t, tailnet, func(o *server.Options) {
		for _, a := range keyring.Algorithms() {
			o.Policy.Rules = append(o.Policy.Rules, allowing(t, a, a).Rules...)
		}
	})
	_, body := s.ask(t, "GET", "/.well-known/jwks.json", nil)
	var set struct{ Keys []map[string]string }
	if err := json.Unmarshal([]byte(body), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 2*len(keyring.Algorithms()) {
		t.Errorf("%d keys are published", len(set.Keys))
	}
	public := map[string]bool{"kty": true, "kid": true, "use": true, "alg": true, "n": true, "e": true, "crv": true, "x": true, "y": true}
	for _, key := range set.Keys {
		for member := range key {
			if !public[member] {
				t.Errorf("a key has the member %q", member)
			}
		}
	}
}
