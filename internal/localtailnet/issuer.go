package localtailnet

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/jwk"
)

// An Issuer stands in for GitHub's runtime and its OIDC issuer: a job asks it
// for ID tokens, and whoever gets such a token finds the keys here. It is an
// http.Handler for the address given to NewIssuer:
//
//	GET /.well-known/openid-configuration
//	GET /.well-known/jwks
//	GET /token?api-version=2.0&audience=…   Authorization: Bearer RequestToken
//	    → {"count": length of the JWT, "value": JWT}
//
// The exported fields may be changed until it serves its first request.
type Issuer struct {
	RequestToken string           // what a job must show: ACTIONS_ID_TOKEN_REQUEST_TOKEN
	Claims       map[string]any   // what tokens say of the job; see Job
	Now          func() time.Time // nil is time.Now

	url     string
	private map[string]crypto.Signer // by algorithm
	keys    jwk.Set
	mux     *http.ServeMux

	mu    sync.Mutex
	given []string // every token that a job got
}

// keyID is the name of a key in the issuer's JWKS: local-rs256.
func keyID(algorithm string) string { return "local-" + strings.ToLower(algorithm) }

// NewIssuer returns the issuer whose tokens have baseURL as iss, with new keys,
// a random RequestToken, and the claims of Job{}.
func NewIssuer(baseURL string) (*Issuer, error) {
	base, err := url.Parse(baseURL)
	if err != nil {
		return nil, fmt.Errorf("parsing issuer URL: %w", err)
	}
	i := &Issuer{RequestToken: rand.Text(), Claims: Job{}.Claims(), url: strings.TrimSuffix(baseURL, "/")}
	if err := i.makeKeys(); err != nil {
		return nil, fmt.Errorf("making the issuer's keys: %w", err)
	}
	path := strings.TrimSuffix(base.Path, "/")
	i.mux = http.NewServeMux()
	i.mux.HandleFunc("GET "+path+"/.well-known/openid-configuration", i.serveDiscovery)
	i.mux.HandleFunc("GET "+path+"/.well-known/jwks", i.serveKeys)
	i.mux.HandleFunc("GET "+path+"/token", i.serveToken)
	return i, nil
}

func (i *Issuer) makeKeys() error {
	rs256, rsaErr := rsa.GenerateKey(rand.Reader, 2048)
	es256, ecErr := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	es384, awsErr := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err := errors.Join(rsaErr, ecErr, awsErr); err != nil {
		return err
	}
	i.private = map[string]crypto.Signer{"RS256": rs256, "ES256": es256, "ES384": es384}
	for _, algorithm := range algorithms {
		key, err := jwk.Of(keyID(algorithm), algorithm, i.private[algorithm].Public())
		if err != nil {
			return err
		}
		i.keys.Keys = append(i.keys.Keys, key)
	}
	return nil
}

// RequestURL is what a job finds in ACTIONS_ID_TOKEN_REQUEST_URL. It has a
// query already, as GitHub's does: an audience is added with "&".
func (i *Issuer) RequestURL() string { return i.url + "/token?api-version=2.0" }

func (i *Issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) { i.mux.ServeHTTP(w, r) }

func (i *Issuer) serveDiscovery(w http.ResponseWriter, _ *http.Request) {
	writeIssuerJSON(w, map[string]any{
		"issuer":                                i.url,
		"jwks_uri":                              i.url + "/.well-known/jwks",
		"response_types_supported":              []string{"id_token"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": algorithms,
	})
}

func (i *Issuer) serveKeys(w http.ResponseWriter, _ *http.Request) { writeIssuerJSON(w, i.keys) }

// knows says whether a request shows the job's token.
func (i *Issuer) knows(r *http.Request) bool {
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return ok && subtle.ConstantTimeCompare([]byte(bearer), []byte(i.RequestToken)) == 1
}

func (i *Issuer) serveToken(w http.ResponseWriter, r *http.Request) {
	if !i.knows(r) {
		http.Error(w, "Unauthorized", http.StatusUnauthorized)
		return
	}
	token, err := i.Mint(r.FormValue("audience"), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	i.mu.Lock()
	i.given = append(i.given, token)
	i.mu.Unlock()
	writeIssuerJSON(w, map[string]any{"count": len(token), "value": token})
}

func writeIssuerJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	json.NewEncoder(w).Encode(v) // The status is out: nobody is left to tell.
}

// Mint returns a token of five minutes for audience, signed with RS256. An
// empty audience is the page of the repository's owner, as at GitHub.
// An override replaces a claim; nil takes the claim away.
func (i *Issuer) Mint(audience string, overrides map[string]any) (string, error) {
	return i.Forge(Forgery{Audience: audience, Claims: overrides})
}

// A Forgery is a token with something wrong in it. Its zero value is a token
// with nothing wrong.
type Forgery struct {
	Audience string
	Claims   map[string]any    // as the overrides of Mint
	Header   map[string]any    // replaces header fields, nil takes one away
	Method   jwt.SigningMethod // nil is RS256
	Key      crypto.PrivateKey // nil is the issuer's key for the method, or that for RS256
}

// Forge signs what f describes.
func (i *Issuer) Forge(f Forgery) (string, error) {
	if f.Method == nil {
		f.Method = jwt.SigningMethodRS256
	}
	token := jwt.NewWithClaims(f.Method, i.claims(f.Audience, f.Claims))
	algorithm := f.Method.Alg()
	if !slices.Contains(algorithms, algorithm) {
		algorithm = "RS256"
	}
	token.Header["kid"] = keyID(algorithm)
	override(token.Header, f.Header)
	if f.Key == nil {
		f.Key = i.private[algorithm]
	}
	signed, err := token.SignedString(f.Key)
	if err != nil {
		return "", fmt.Errorf("signing ID token: %w", err)
	}
	return signed, nil
}

func (i *Issuer) claims(audience string, overrides map[string]any) jwt.MapClaims {
	now := time.Now
	if i.Now != nil {
		now = i.Now
	}
	at := now()
	claims := jwt.MapClaims{}
	maps.Copy(claims, i.Claims)
	if audience == "" {
		audience = fmt.Sprintf("https://github.com/%v", claims["repository_owner"])
	}
	maps.Copy(claims, jwt.MapClaims{
		"iss": i.url, "aud": audience, "jti": rand.Text(),
		"iat": at.Unix(), "nbf": at.Add(-leeway).Unix(), "exp": at.Add(5 * time.Minute).Unix(),
	})
	override(claims, overrides)
	return claims
}

func override(fields, overrides map[string]any) {
	for name, value := range overrides {
		if value == nil {
			delete(fields, name)
			continue
		}
		fields[name] = value
	}
}
