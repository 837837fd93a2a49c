//go:build linux

package e2e

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// printed runs tailjoin and returns what it prints on its standard output.
func (w *world) printed(args ...string) string {
	w.t.Helper()
	cmd := w.program(args...)
	var words strings.Builder
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("%v: %v\n%s", args, err, words.String())
	}
	return strings.TrimSpace(string(out))
}

func TestToken_exchange_givesAnAccessTokenThatTheAPITakes(t *testing.T) {
	t.Parallel()
	for name, identify := range map[string]func(*world){
		"by ID token": func(*world) {},
		"by OAuth client": func(w *world) {
			w.AddCredential(localtailnet.Credential{ClientID: "x", Secret: "tskey-client-x-y", Scopes: []string{"auth_keys"}, Tags: []string{"tag:ci"}})
			w.identify(map[string]string{"OAUTH_SECRET": "tskey-client-x-y"})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{})
			identify(w)
			key, _ := w.MintKey(localtailnet.KeyOptions{Tags: []string{"tag:ci"}, Description: "of the test"})

			token := tsapi.AccessToken{Text: secret.New(w.printed("token", "exchange"))}
			api := &tsapi.Client{BaseURL: w.ControlURL}
			ids, err := api.KeysDescribed(t.Context(), token, "of the test")
			if err != nil || len(ids) != 1 || ids[0] != key.ID {
				t.Errorf("the token lists the keys %v, %v; want %s", ids, err, key.ID)
			}
		})
	}
}

func TestToken_exchange_refusedIsExplainedAsAJoinIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	credential := w.trust()
	credential.Subject = "repo:acme/api:*"
	w.AddCredential(credential)

	got := w.run("token", "exchange")
	if got.status != 1 || got.code() != "wif-refused" {
		t.Errorf("ended with %d and %q, want 1 and wif-refused:\n%s", got.status, got.code(), got.text())
	}
	wantWords(t, got, "repo:acme/web:ref:refs/heads/main", "api.tailscale.com/"+clientID)
	if n := len(w.events(localtailnet.OpExchange)); n != 1 {
		t.Errorf("%d exchanges, want one", n)
	}
}

func TestToken_exchange_triesAgainWithAFreshIDToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.fault(localtailnet.OpExchange, localtailnet.Fault{Status: 503, Times: 2})
	if token := w.printed("token", "exchange"); !strings.HasPrefix(token, "tskey-api-") {
		t.Errorf("got %q", token)
	}
	if asked := len(w.events(localtailnet.OpIDToken)); asked != 3 {
		t.Errorf("%d ID tokens, want one for each of three tries", asked)
	}
}

func TestToken_get_isTakenByTailscale(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	file := filepath.Join(w.dir, "id-token")
	if out := w.printed("token", "get", "--file", file); out != "" {
		t.Errorf("printed %q", out)
	}
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&tsapi.Client{BaseURL: w.ControlURL}).Exchange(t.Context(), clientID, secret.New(string(raw))); err != nil {
		t.Error(err)
	}
}

func TestJoin_putsItselfOnThePathOfLaterSteps(t *testing.T) {
	for _, network := range []string{"userspace", "tun"} {
		t.Run(network, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{})
			w.mustJoin("--network=" + network)
			if out := w.step("tailjoin", "version"); !strings.HasPrefix(out, "tailjoin ") {
				t.Errorf("tailjoin version says %q", out)
			}
			if path, err := os.ReadFile(filepath.Join(w.dir, "path")); err != nil || strings.Count(string(path), w.session) != 1 {
				t.Errorf("PATH gets %q, %v; want the session's directory, once", path, err)
			}
			w.mustLeave()
			w.wantNothingLeft()
		})
	}
}

func TestToken_inspect_verifiesWhatTheIssuerSigned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	stranger := newWorld(t, localtailnet.Options{})
	es256 := localtailnet.Forgery{Audience: "x", Method: jwt.SigningMethodES256}
	for name, c := range map[string]struct {
		token string
		code  string // of the problem; "" if it is valid
	}{
		"RS256":                   {mustForge(t, w, localtailnet.Forgery{Audience: "x"}), ""},
		"ES256":                   {mustForge(t, w, es256), ""},
		"EdDSA":                   {eddsa(t), ""},
		"expired":                 {mustForge(t, w, localtailnet.Forgery{Claims: map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}}), "token-invalid"},
		"tampered":                {tampered(mustForge(t, w, es256)), "token-invalid"},
		"of another issuer's key": {mustForge(t, stranger, localtailnet.Forgery{Claims: map[string]any{"iss": w.IssuerURL}}), "token-invalid"},
		"of a shared secret":      {mustForge(t, w, localtailnet.Forgery{Method: jwt.SigningMethodHS256, Key: []byte("secret")}), "token-invalid"},
		"of nobody":               {mustForge(t, w, localtailnet.Forgery{Claims: map[string]any{"iss": "http://127.0.0.1:1"}}), "issuer-unusable"},
	} {
		t.Run(name, func(t *testing.T) {
			cmd := w.program("token", "inspect", "--file=-", "--verify", "issuer="+issuerOf(t, c.token))
			cmd.Stdin = strings.NewReader(c.token)
			got := w.finish(cmd)
			if (got.status == 0) != (c.code == "") || got.code() != c.code {
				t.Errorf("ended with %d and %q, want %q:\n%s", got.status, got.code(), c.code, got.text())
			}
			if strings.Contains(got.text(), c.token) || strings.Contains(got.text(), strings.Split(c.token, ".")[1]) {
				t.Errorf("the token is shown:\n%s", got.text())
			}
		})
	}
}

func issuerOf(t *testing.T, token string) string {
	t.Helper()
	var claims jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &claims); err != nil {
		t.Fatal(err)
	}
	return claims.Issuer
}

func mustForge(t *testing.T, w *world, f localtailnet.Forgery) string {
	t.Helper()
	token, err := w.Issuer().Forge(f)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// tampered is a token with the claims of somebody else.
func tampered(token string) string {
	parts := strings.Split(token, ".")
	claims, _ := base64.RawURLEncoding.DecodeString(parts[1])
	changed := strings.Replace(string(claims), "octocat", "mallory", 1)
	return parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(changed)) + "." + parts[2]
}

// eddsa is a token of an issuer that signs with Ed25519, and publishes its key.
func eddsa(t *testing.T) string {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var issuer *httptest.Server
	issuer = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/keys" {
			json.NewEncoder(rw).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: crypto.PublicKey(public), KeyID: "k1", Algorithm: "EdDSA", Use: "sig"}}})
			return
		}
		json.NewEncoder(rw).Encode(map[string]string{"issuer": issuer.URL, "jwks_uri": issuer.URL + "/keys"})
	}))
	t.Cleanup(issuer.Close)
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"iss": issuer.URL, "sub": "s", "exp": time.Now().Add(time.Minute).Unix()})
	token.Header["kid"] = "k1"
	signed, err := token.SignedString(private)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}
