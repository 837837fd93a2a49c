package oidc_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/oidc"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// An issuer publishes its keys as go-jose writes them, and signs with go-jose.
type issuer struct {
	*httptest.Server
	keys map[jose.SignatureAlgorithm]jose.JSONWebKey // private, by algorithm
	get  map[string]http.HandlerFunc                 // what answers, by path
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	i := &issuer{keys: map[jose.SignatureAlgorithm]jose.JSONWebKey{}, get: map[string]http.HandlerFunc{}}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := i.get[r.URL.Path]
		if answer == nil {
			answer = http.NotFound
		}
		answer(w, r)
	}))
	t.Cleanup(i.Close)
	for alg, key := range private(t) {
		i.keys[alg] = jose.JSONWebKey{Key: key, KeyID: "k-" + string(alg), Algorithm: string(alg), Use: "sig"}
	}
	i.get["/.well-known/openid-configuration"] = answers(t, map[string]string{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	i.get["/keys"] = answers(t, i.public())
	return i
}

func private(t *testing.T) map[jose.SignatureAlgorithm]crypto.Signer {
	t.Helper()
	keys := map[jose.SignatureAlgorithm]crypto.Signer{}
	for alg, curve := range map[jose.SignatureAlgorithm]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		keys[alg] = key
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	keys[jose.RS256], keys[jose.PS256] = key, key
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	keys[jose.EdDSA] = ed
	return keys
}

func (i *issuer) public() (set jose.JSONWebKeySet) {
	for _, key := range i.keys {
		set.Keys = append(set.Keys, key.Public())
	}
	return set
}

func answers(t *testing.T, value any) http.HandlerFunc {
	t.Helper()
	raw, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return func(w http.ResponseWriter, _ *http.Request) { w.Write(raw) }
}

// sign makes a token of the claims, and of whatever iss, exp and the like they
// do not have. A header with a value of nil is left out.
func (i *issuer) sign(t *testing.T, with jose.JSONWebKey, claims map[string]any, header map[jose.HeaderKey]any) string {
	t.Helper()
	all := map[string]any{"iss": i.URL, "sub": "s", "aud": "a", "iat": time.Now().Unix(), "exp": time.Now().Add(5 * time.Minute).Unix()}
	for name, value := range claims {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(with.Algorithm), Key: with}, &jose.SignerOptions{ExtraHeaders: header})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	token, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func verify(t *testing.T, token string) error {
	t.Helper()
	return oidc.Verify(t.Context(), http.DefaultClient, secret.New(token), time.Now())
}

func TestVerify_acceptsWhatAnotherLibrarySigned(t *testing.T) {
	i := newIssuer(t)
	for alg, key := range i.keys {
		t.Run(string(alg), func(t *testing.T) {
			if err := verify(t, i.sign(t, key, nil, nil)); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("without a kid", func(t *testing.T) {
		key := i.keys[jose.ES256]
		key.KeyID = ""
		if err := verify(t, i.sign(t, key, nil, nil)); err != nil {
			t.Error(err)
		}
	})
}

// The clocks of issuer and verifier may differ by 30 seconds.
func TestVerify_acceptsADifferenceOfClocksUpToTheLeeway(t *testing.T) {
	i := newIssuer(t)
	for claim, ahead := range map[string]time.Duration{"exp": -1, "nbf": 1, "iat": 1} {
		for within, want := range map[time.Duration]bool{time.Second: true, 20 * time.Second: true, 40 * time.Second: false} {
			token := i.sign(t, i.keys[jose.ES256], map[string]any{claim: time.Now().Add(ahead * within).Unix()}, nil)
			if err := verify(t, token); (err == nil) != want {
				t.Errorf("%s %v off: %v, want it accepted: %t", claim, ahead*within, err, want)
			}
		}
	}
}

func TestVerify_refuses(t *testing.T) {
	i, stranger := newIssuer(t), newIssuer(t)
	rs, es, now := i.keys[jose.RS256], i.keys[jose.ES256], time.Now().Unix()
	renamed := stranger.keys[jose.ES256] // the stranger's key, under the name of ours
	gone := es
	gone.KeyID = "gone"
	mixed := i.keys[jose.ES384]
	mixed.KeyID = es.KeyID
	good := strings.Split(i.sign(t, es, nil, nil), ".")
	other := strings.Split(i.sign(t, es, map[string]any{"sub": "admin"}, nil), ".")

	for name, c := range map[string]struct{ token, because string }{
		"an expired token":           {i.sign(t, es, map[string]any{"exp": now - 60}, nil), "token is expired"},
		"one that never expires":     {i.sign(t, es, map[string]any{"exp": nil}, nil), "exp claim is required"},
		"one of tomorrow":            {i.sign(t, es, map[string]any{"nbf": now + 3600}, nil), "not valid yet"},
		"one issued tomorrow":        {i.sign(t, es, map[string]any{"iat": now + 3600}, nil), "used before issued"},
		"another issuer's key":       {i.sign(t, renamed, nil, nil), "signature is invalid"},
		"a key that is gone":         {i.sign(t, gone, nil, nil), "no such key"},
		"the name of another key":    {i.sign(t, mixed, nil, nil), "no such key"},
		"claims of another token":    {good[0] + "." + other[1] + "." + good[2], "signature is invalid"},
		"a header of another token":  {strings.Split(i.sign(t, rs, nil, nil), ".")[0] + "." + good[1] + "." + good[2], "signature is invalid"},
		"no signature":               {good[0] + "." + good[1] + ".", "signature is invalid"},
		"a signature that is cut":    {good[0] + "." + good[1] + "." + good[2][:20], "signature is invalid"},
		"critical extensions":        {i.sign(t, es, nil, map[jose.HeaderKey]any{"crit": []string{"x"}, "x": 1}), "critical extensions"},
		"a shared secret":            {hmac(t, i, jwt.SigningMethodHS256, []byte("a secret that is long enough to be one")), "signing method HS256 is invalid"},
		"the public key as a secret": {hmac(t, i, jwt.SigningMethodHS256, rs.Public().Key.(*rsa.PublicKey).N.Bytes()), "signing method HS256 is invalid"},
		"no algorithm":               {hmac(t, i, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType), "signing method none is invalid"},
	} {
		t.Run(name, func(t *testing.T) {
			wantProblem(t, verify(t, c.token), "token-invalid", c.because)
		})
	}
}

// hmac signs with a method that needs no public key.
func hmac(t *testing.T, i *issuer, method jwt.SigningMethod, key any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims{"iss": i.URL, "exp": time.Now().Add(time.Minute).Unix()})
	token.Header["kid"] = i.keys[jose.RS256].KeyID
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func wantProblem(t *testing.T, err error, code, because string) {
	t.Helper()
	p := diag.As(err)
	if err == nil || p.Code != code || !strings.Contains(p.Error(), because) {
		t.Errorf("got %v (%s), want %s because of %q", err, p.Code, code, because)
	}
}

func TestVerify_refusesAnIssuerThatIsNotToBeBelieved(t *testing.T) {
	const discovery = "/.well-known/openid-configuration"
	elsewhere := newIssuer(t)
	for name, c := range map[string]struct {
		change  func(i *issuer)
		iss     any // nil is the issuer's own
		because string
	}{
		"plain http":                             {nil, "http://issuer.example", "https://host"},
		"no address":                             {nil, "accounts.google.com", "https://host"},
		"no issuer":                              {nil, "", "https://host"},
		"a password in it":                       {nil, "https://user:pass@issuer.example", "https://host"},
		"a file":                                 {nil, "file:///etc/passwd", "https://host"},
		"nothing there":                          {func(i *issuer) { delete(i.get, discovery) }, nil, "404"},
		"an error":                               {func(i *issuer) { i.get[discovery] = status(503) }, nil, "503"},
		"a page":                                 {func(i *issuer) { i.get[discovery] = page }, nil, "no JSON"},
		"about another":                          {func(i *issuer) { i.get[discovery] = answers(t, map[string]string{"issuer": elsewhere.URL}) }, nil, "is about"},
		"keys over plain http":                   {func(i *issuer) { i.document(t, "http://issuer.example/keys") }, nil, "jwks_uri"},
		"keys of another server on this machine": {func(i *issuer) { i.document(t, elsewhere.URL+"/keys") }, nil, "jwks_uri"},
		"keys by a query":                        {func(i *issuer) { i.document(t, i.URL+"/keys?delete=all") }, nil, "jwks_uri"},
		"a query in it":                          {nil, "https://issuer.example/?delete=all", "no query"},
		"keys nowhere":                           {func(i *issuer) { i.document(t, "") }, nil, "jwks_uri"},
		"keys that are a page":                   {func(i *issuer) { i.get["/keys"] = page }, nil, "no JSON"},
		"keys without an end":                    {func(i *issuer) { i.get["/keys"] = endless }, nil, "no JSON"},
		"to another host":                        {func(i *issuer) { i.get[discovery] = to(elsewhere.URL + discovery) }, nil, "redirects to another host"},
		"keys at another host":                   {func(i *issuer) { i.get["/keys"] = to(elsewhere.URL + "/keys") }, nil, "redirects to another host"},
		"round and round":                        {func(i *issuer) { i.get[discovery] = to(discovery) }, nil, "redirects too often"},
		"a connection that cut": {func(i *issuer) {
			i.get["/keys"] = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
		}, nil, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			i := newIssuer(t)
			if c.change != nil {
				c.change(i)
			}
			claims := map[string]any{}
			if c.iss != nil {
				claims["iss"] = c.iss
			}
			wantProblem(t, verify(t, i.sign(t, i.keys[jose.ES256], claims, nil)), "issuer-unusable", c.because)
		})
	}
}

// document is the issuer's discovery document with its keys elsewhere.
func (i *issuer) document(t *testing.T, keys string) {
	t.Helper()
	i.get["/.well-known/openid-configuration"] = answers(t, map[string]string{"issuer": i.URL, "jwks_uri": keys})
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func page(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) }

func to(url string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, http.StatusFound) }
}

// endless is a document that is longer than any should be.
func endless(w http.ResponseWriter, _ *http.Request) {
	w.Write([]byte(`{"keys":"`))
	for range 40 {
		if _, err := w.Write([]byte(strings.Repeat("x", 1<<16))); err != nil {
			return
		}
	}
	w.Write([]byte(`"}`))
}

func TestVerify_followsARedirectOnTheSameHost(t *testing.T) {
	i := newIssuer(t)
	i.get["/moved"] = i.get["/keys"]
	i.get["/keys"] = to("/moved")
	if err := verify(t, i.sign(t, i.keys[jose.ES256], nil, nil)); err != nil {
		t.Error(err)
	}
}

func TestVerify_canBeBounded(t *testing.T) {
	i := newIssuer(t)
	i.get["/keys"] = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done(); panic(http.ErrAbortHandler) }
	token := i.sign(t, i.keys[jose.ES256], nil, nil)
	began := time.Now()
	err := oidc.Verify(t.Context(), &http.Client{Timeout: 50 * time.Millisecond}, secret.New(token), time.Now())
	wantProblem(t, err, "issuer-unusable", "Timeout")
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestVerify_takesNoKeysOverPlainHTTPForAnIssuerOfHTTPS(t *testing.T) {
	plain := newIssuer(t)
	var i *issuer
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { i.get[r.URL.Path](w, r) }))
	t.Cleanup(server.Close)
	i = &issuer{Server: server, keys: plain.keys, get: map[string]http.HandlerFunc{"/keys": plain.get["/keys"]}}
	token := i.sign(t, i.keys[jose.ES256], nil, nil)

	i.document(t, plain.URL+"/keys")
	err := oidc.Verify(t.Context(), server.Client(), secret.New(token), time.Now())
	wantProblem(t, err, "issuer-unusable", "jwks_uri")
	i.document(t, server.URL+"/keys")
	if err := oidc.Verify(t.Context(), server.Client(), secret.New(token), time.Now()); err != nil {
		t.Error(err)
	}
}
