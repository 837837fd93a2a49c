package localtailnet

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/jwk"
)

// Why a token is refused. Those that golang-jwt has a name for keep it:
// jwt.ErrTokenSignatureInvalid, ErrTokenInvalidAudience, ErrTokenExpired,
// ErrTokenNotValidYet, ErrTokenUsedBeforeIssued, ErrTokenMalformed; a key that
// the issuer does not have is jwk.ErrUnknown.
var (
	ErrAlgorithm     = errors.New("algorithm is not RS256, ES256 or ES384")
	ErrIssuer        = errors.New("issuer is not the one trusted")
	ErrDiscovery     = errors.New("OIDC discovery does not answer for the issuer")
	ErrSubject       = errors.New("subject does not match")
	ErrNoSubjectRule = errors.New("neither a subject nor a claim rule is set")
	ErrClaim         = errors.New("claim does not match")
)

// algorithms are the accepted ones. ES384 is what Tailscale asks AWS for.
// Source: tailscale/tailscale, wif/wif.go.
var algorithms = []string{"RS256", "ES256", "ES384"}

// leeway is the difference between two clocks that exp, nbf and iat put up with.
const leeway = 5 * time.Second

// A Federation is what a trust credential demands of an ID token. Subject and
// the values of Claims are patterns, in which a * stands for any text; keys of
// Claims are paths to a claim, such as environment or "open.id".user.
//
// An empty Subject refuses every token, unless Claims says what is wanted.
type Federation struct {
	Issuer, Subject, Audience string
	Claims                    map[string]string
}

// Verify says why token is not what f demands, or nil. The keys come from the
// issuer each time (OpenID Connect Discovery 1.0, section 4). A nil client is
// http.DefaultClient.
func (f Federation) Verify(ctx context.Context, client *http.Client, token string, now time.Time) error {
	claims := jwt.MapClaims{}
	key := func(t *jwt.Token) (any, error) { return f.key(ctx, client, t) }
	parser := jwt.NewParser(jwt.WithoutClaimsValidation(), jwt.WithJSONNumber())
	if _, err := parser.ParseWithClaims(token, claims, key); err != nil {
		return fmt.Errorf("verifying ID token: %w", err)
	}
	return f.Admits(claims, now)
}

// Admits says why the claims of a token, whose signature is good, are not what
// f demands, or nil. Numbers among them are to be json.Number.
func (f Federation) Admits(claims map[string]any, now time.Time) error {
	if f.Subject == "" && len(f.Claims) == 0 {
		return ErrNoSubjectRule
	}
	if err := f.issuedBy(jwt.MapClaims(claims)); err != nil {
		return err
	}
	err := jwt.NewValidator(
		jwt.WithAudience(f.Audience),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
		jwt.WithTimeFunc(func() time.Time { return now }),
	).Validate(jwt.MapClaims(claims))
	if err != nil {
		return fmt.Errorf("verifying ID token: %w", err)
	}
	return f.match(claims)
}

func (f Federation) issuedBy(claims jwt.Claims) error {
	if iss, err := claims.GetIssuer(); err != nil || iss != f.Issuer || iss == "" {
		return fmt.Errorf("%w: token has %q, want %q", ErrIssuer, iss, f.Issuer)
	}
	return nil
}

// key finds the key of a token that is not yet verified. What can be refused
// without asking the network is refused first.
func (f Federation) key(ctx context.Context, client *http.Client, t *jwt.Token) (any, error) {
	alg := t.Method.Alg()
	if !slices.Contains(algorithms, alg) {
		return nil, fmt.Errorf("%w: %s", ErrAlgorithm, alg)
	}
	if _, ok := t.Header["crit"]; ok {
		// RFC 7515, section 4.1.11: none of the extensions is known here.
		return nil, errors.New("header has critical extensions")
	}
	if err := f.issuedBy(t.Claims); err != nil {
		return nil, err
	}
	keys, err := discover(ctx, client, f.Issuer)
	if err != nil {
		return nil, err
	}
	kid, _ := t.Header["kid"].(string)
	if kid == "" {
		return nil, fmt.Errorf("%w: the token names none", jwk.ErrUnknown)
	}
	found, err := keys.Find(kid, alg)
	if err != nil {
		return nil, err
	}
	return found[0], nil
}

// discover fetches the issuer's keys by way of its discovery document, which
// must be about that issuer and no other.
func discover(ctx context.Context, client *http.Client, issuer string) (jwk.Set, error) {
	var doc struct {
		Issuer  string `json:"issuer"`
		JWKSURI string `json:"jwks_uri"`
	}
	address, err := url.JoinPath(issuer, ".well-known/openid-configuration")
	if err != nil {
		return jwk.Set{}, fmt.Errorf("%w: %w", ErrDiscovery, err)
	}
	if err := getJSON(ctx, client, address, &doc); err != nil {
		return jwk.Set{}, fmt.Errorf("%w: %w", ErrDiscovery, err)
	}
	if doc.Issuer != issuer {
		return jwk.Set{}, fmt.Errorf("%w: the document is about %q, want %q", ErrDiscovery, doc.Issuer, issuer)
	}
	var keys jwk.Set
	if err := getJSON(ctx, client, doc.JWKSURI, &keys); err != nil {
		return jwk.Set{}, fmt.Errorf("%w: %w", ErrDiscovery, err)
	}
	return keys, nil
}

// getJSON decodes at most 1 MiB into v.
func getJSON(ctx context.Context, client *http.Client, address string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", address, resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(v); err != nil {
		return fmt.Errorf("GET %s: %w", address, err)
	}
	return nil
}

// match holds the claims of a verified token against the rules.
func (f Federation) match(claims map[string]any) error {
	subject, _ := claims["sub"].(string)
	if subject == "" || f.Subject != "" && !wildcard(f.Subject).MatchString(subject) {
		return fmt.Errorf("%w: token has %q, want %q", ErrSubject, subject, f.Subject)
	}
	for path, pattern := range f.Claims {
		value, ok := claimText(claims, path)
		if !ok || !wildcard(pattern).MatchString(value) {
			return fmt.Errorf("%w: %s is %q, want %q", ErrClaim, path, value, pattern)
		}
	}
	return nil
}
