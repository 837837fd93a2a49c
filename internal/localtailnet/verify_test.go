package localtailnet

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/jwk"
)

const testAudience = "api.tailscale.com/T123-CNTRL"

// listen serves an issuer at an address of its own.
func listen(t *testing.T) *Issuer {
	t.Helper()
	var issuer *Issuer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		issuer.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	issuer, err := NewIssuer(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

func trusting(i *Issuer) Federation {
	return Federation{Issuer: i.url, Subject: "repo:acme/web:*", Audience: testAudience}
}

func TestFederation_acceptsWhatItDemands(t *testing.T) {
	issuer := listen(t)
	tests := map[string]struct {
		forgery Forgery
		change  func(*Federation)
	}{
		"RS256":                {},
		"ES256":                {forgery: Forgery{Method: jwt.SigningMethodES256}},
		"ES384":                {forgery: Forgery{Method: jwt.SigningMethodES384}},
		"a list of audiences":  {forgery: Forgery{Claims: map[string]any{"aud": []string{"other", testAudience}}}},
		"no nbf and no iat":    {forgery: Forgery{Claims: map[string]any{"nbf": nil, "iat": nil}}},
		"expired a second ago": {forgery: Forgery{Claims: map[string]any{"exp": time.Now().Unix() - 1}}},
		"the immutable form": {
			forgery: Forgery{Claims: map[string]any{"sub": Job{Immutable: true}.Subject()}},
			change:  func(f *Federation) { f.Subject = "repo:acme@1001/web@2002:ref:refs/heads/main" },
		},
		"claim rules and no subject": {change: func(f *Federation) {
			f.Subject, f.Claims = "", map[string]string{"repository_owner_id": "1001", "ref": "refs/heads/*"}
		}},
		"a claim inside an object": {
			forgery: Forgery{Claims: map[string]any{"open.id": map[string]any{"user": 17}}},
			change:  func(f *Federation) { f.Claims = map[string]string{`"open.id".user`: "17"} },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := trusting(issuer)
			if tt.change != nil {
				tt.change(&f)
			}
			tt.forgery.Audience = testAudience
			if err := f.Verify(t.Context(), nil, mustForge(t, issuer, tt.forgery), time.Now()); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFederation_refusals(t *testing.T) {
	issuer, stranger := listen(t), listen(t)
	_, foreign := mustKeys(t)
	pub := issuer.private["RS256"].Public().(*rsa.PublicKey).N.Bytes()
	now := time.Now().Unix()
	claim := func(name string, value any) Forgery { return Forgery{Claims: map[string]any{name: value}} }
	header := func(name string, value any) Forgery { return Forgery{Header: map[string]any{name: value}} }

	tests := map[string]struct {
		forgery Forgery
		change  func(*Federation)
		want    error
	}{
		"another audience":         {forgery: claim("aud", "sts.amazonaws.com"), want: jwt.ErrTokenInvalidAudience},
		"no audience":              {forgery: claim("aud", nil), want: jwt.ErrTokenRequiredClaimMissing},
		"audience not wanted":      {change: func(f *Federation) { f.Audience = "" }, want: jwt.ErrTokenInvalidAudience},
		"expired":                  {forgery: claim("exp", now-60), want: jwt.ErrTokenExpired},
		"no expiry":                {forgery: claim("exp", nil), want: jwt.ErrTokenRequiredClaimMissing},
		"not valid yet":            {forgery: claim("nbf", now+60), want: jwt.ErrTokenNotValidYet},
		"issued in the future":     {forgery: claim("iat", now+60), want: jwt.ErrTokenUsedBeforeIssued},
		"another issuer":           {forgery: claim("iss", "https://gitlab.com"), want: ErrIssuer},
		"no issuer":                {forgery: claim("iss", nil), want: ErrIssuer},
		"issuer with a slash more": {forgery: claim("iss", issuer.url+"/"), want: ErrIssuer},
		"alg none":                 {forgery: Forgery{Method: jwt.SigningMethodNone, Key: jwt.UnsafeAllowNoneSignatureType}, want: ErrAlgorithm},
		"HS256 with the public key": {
			forgery: Forgery{Method: jwt.SigningMethodHS256, Key: pub}, want: ErrAlgorithm,
		},
		"RS512":                          {forgery: Forgery{Method: jwt.SigningMethodRS512}, want: ErrAlgorithm},
		"PS256":                          {forgery: Forgery{Method: jwt.SigningMethodPS256}, want: ErrAlgorithm},
		"an algorithm nobody knows":      {forgery: header("alg", "XX256"), want: jwt.ErrTokenUnverifiable},
		"RS256 said to be ES256":         {forgery: header("alg", "ES256"), want: jwk.ErrUnknown},
		"a key of another's":             {forgery: Forgery{Key: foreign}, want: jwt.ErrTokenSignatureInvalid},
		"signed by another issuer":       {forgery: Forgery{Key: stranger.private["RS256"]}, want: jwt.ErrTokenSignatureInvalid},
		"a kid nobody has":               {forgery: header("kid", "gone"), want: jwk.ErrUnknown},
		"no kid":                         {forgery: header("kid", nil), want: jwk.ErrUnknown},
		"another branch's subject":       {forgery: claim("sub", "repo:acme/web-evil:ref:refs/heads/main"), want: ErrSubject},
		"immutable subject, old rule":    {forgery: claim("sub", Job{Immutable: true}.Subject()), want: ErrSubject},
		"no subject":                     {forgery: claim("sub", nil), change: func(f *Federation) { f.Subject = "*" }, want: ErrSubject},
		"a rule for a claim not there":   {change: func(f *Federation) { f.Claims = map[string]string{"environment": "*"} }, want: ErrClaim},
		"a rule for another value":       {change: func(f *Federation) { f.Claims = map[string]string{"repository": "acme/api"} }, want: ErrClaim},
		"a rule for a list":              {forgery: claim("groups", []string{"a"}), change: func(f *Federation) { f.Claims = map[string]string{"groups": "*"} }, want: ErrClaim},
		"a rule below a string":          {change: func(f *Federation) { f.Claims = map[string]string{"repository.name": "*"} }, want: ErrClaim},
		"neither subject nor claim rule": {change: func(f *Federation) { f.Subject = "" }, want: ErrNoSubjectRule},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := trusting(issuer)
			if tt.change != nil {
				tt.change(&f)
			}
			tt.forgery.Audience = testAudience
			err := f.Verify(t.Context(), nil, mustForge(t, issuer, tt.forgery), time.Now())
			if !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestFederation_refusesChangedTokens(t *testing.T) {
	issuer := listen(t)
	token := mustForge(t, issuer, Forgery{Audience: testAudience})
	head, rest, _ := strings.Cut(token, ".")
	_, signature, _ := strings.Cut(rest, ".")
	other := strings.Split(mustForge(t, issuer, Forgery{Audience: testAudience, Claims: map[string]any{"ref": "refs/heads/x"}}), ".")[1]
	tests := map[string]struct {
		token string
		want  error
	}{
		"claims of another token": {head + "." + other + "." + signature, jwt.ErrTokenSignatureInvalid},
		"no signature":            {strings.TrimSuffix(token, signature), jwt.ErrTokenSignatureInvalid},
		"two parts":               {head + "." + signature, jwt.ErrTokenMalformed},
		"nothing":                 {"", jwt.ErrTokenMalformed},
		"bad base64":              {token + "=", jwt.ErrTokenMalformed},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			err := trusting(issuer).Verify(t.Context(), nil, tt.token, time.Now())
			if !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
		})
	}
}

func TestFederation_needsDiscoveryOfTheSameIssuer(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"a document about another": func(w http.ResponseWriter, _ *http.Request) {
			w.Write([]byte(`{"issuer":"https://token.actions.githubusercontent.com","jwks_uri":"/"}`))
		},
		"a page":     func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
		"not found":  http.NotFound,
		"no address": func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) },
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(answer)
			t.Cleanup(server.Close)
			issuer, err := NewIssuer(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			err = trusting(issuer).Verify(t.Context(), nil, mustForge(t, issuer, Forgery{Audience: testAudience}), time.Now())
			if !errors.Is(err, ErrDiscovery) {
				t.Errorf("got error %v, want %v", err, ErrDiscovery)
			}
		})
	}
}

func TestFederation_stopsWithItsContext(t *testing.T) {
	issuer := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := trusting(issuer).Verify(ctx, nil, mustForge(t, issuer, Forgery{Audience: testAudience}), time.Now())
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want %v", err, context.Canceled)
	}
}

func mustForge(t *testing.T, i *Issuer, f Forgery) string {
	t.Helper()
	token, err := i.Forge(f)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func mustKeys(t *testing.T) (*ecdsa.PrivateKey, *rsa.PrivateKey) {
	t.Helper()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return ec, key
}
