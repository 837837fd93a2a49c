package azure_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/azure/vaulttest"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/keyring/keyringtest"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
	"github.com/tailjoin/tailjoin/internal/sts/server"
	"github.com/tailjoin/tailjoin/internal/sts/verifiers"
	"tailscale.com/client/tailscale/apitype"
	"tailscale.com/tailcfg"
)

const api = "https://api.example.com"

// A service gives everybody tokens that a vault signs.
type service struct {
	*httptest.Server
	keys  *keyring.Keeper
	audit *bytes.Buffer // of one request at a time
}

// start serves with keys of a vault, for the time that it is.
func start(t *testing.T, v *vaulttest.Vault, algorithm string) *service {
	t.Helper()
	claims, err := policy.ParseClaims(policy.DefaultClaims())
	if err != nil {
		t.Fatal(err)
	}
	pattern, err := policy.ParsePattern(api)
	if err != nil {
		t.Fatal(err)
	}
	s := &service{keys: keeper(&keyring.Memory{}, mustKeys(t, v), keyringtest.At(time.Now()), algorithm), audit: &bytes.Buffer{}}
	mustOpen(t, s.keys)
	var handler http.Handler
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	made := server.New(server.Options{
		Issuer: s.URL, TokenURL: s.URL + "/token", Keys: s.keys,
		Policy: &policy.Policy{AllowEmptyCapability: true, Rules: []policy.Rule{{Audience: pattern, Lifetime: 5 * time.Minute, Algorithm: algorithm, Claims: claims}}},
		WhoIs: func(context.Context, string) (*apitype.WhoIsResponse, error) {
			return &apitype.WhoIsResponse{Node: &tailcfg.Node{
				StableID: "nABC123CNTRL", Name: "web-1.tail10ca1.ts.net.", Tags: []string{"tag:web"},
				Addresses: []netip.Prefix{netip.MustParsePrefix("100.64.0.7/32")},
			}}, nil
		},
		OnTailnet: func(context.Context) error { return nil },
		Audit:     s.audit, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	mux := http.NewServeMux()
	mux.Handle("/", made.Tailnet())
	mux.Handle("/metrics", made.Ops())
	handler = mux
	return s
}

func (s *service) ask(t *testing.T, method, path string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Tsiam", "1")
	res, err := s.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func (s *service) token(t *testing.T) string {
	t.Helper()
	res, body := s.ask(t, "POST", "/token?resource="+api)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s (%v)", res.Status, body, err)
	}
	return answer.AccessToken
}

// Whoever verifies finds no difference: by discovery, in every algorithm that
// the vault has, and over a rotation.
func TestService_hasTokensThatOthersVerify(t *testing.T) {
	t.Parallel()
	for _, algorithm := range algorithms {
		t.Run(algorithm, func(t *testing.T) {
			t.Parallel()
			s := start(t, vaulttest.Start(t), algorithm)
			good := verifiers.Claim{Issuer: s.URL, Audience: api, Token: s.token(t), At: time.Now()}
			for _, c := range verifiers.Cases(t, good, 5*time.Minute) {
				for name, verify := range verifiers.All {
					if err := verify(t.Context(), c.Claim); (err == nil) != c.Good {
						t.Errorf("%s, a token that is %s: %v", name, c.Name, err)
					}
				}
			}
			if _, err := s.keys.Rotate(t.Context(), keyring.Rotation{Force: true}); err != nil {
				t.Fatal(err)
			}
			fresh := good
			fresh.Token, fresh.At = s.token(t), time.Now()
			for name, verify := range verifiers.All {
				for what, claim := range map[string]verifiers.Claim{"before": good, "after": fresh} {
					if err := verify(t.Context(), claim); err != nil {
						t.Errorf("%s, a token of %s the rotation: %v", name, what, err)
					}
				}
			}
		})
	}
}

// A vault that is away is 503 for who wants a token, and nothing for who has
// one.
func TestService_goesOnWithoutItsVault(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	s := start(t, v, "ES256")
	good := verifiers.Claim{Issuer: s.URL, Audience: api, Token: s.token(t), At: time.Now()}
	_, published := s.ask(t, "GET", "/.well-known/jwks.json")
	s.audit.Reset()
	v.Leave()

	res, body := s.ask(t, "POST", "/token?resource="+api)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(body, `"code":"unavailable"`) {
		t.Errorf("a token: %s %v %s", res.Status, res.Header, body)
	}
	if line := s.audit.String(); !strings.Contains(line, `"outcome":"unavailable"`) || !strings.Contains(line, "connection refused") || strings.Contains(line, `"jti"`) {
		t.Errorf("the audit: %s", line)
	}
	if res, body := s.ask(t, "GET", "/.well-known/jwks.json"); res.StatusCode != http.StatusOK || body != published {
		t.Errorf("the keys: %s %s, want %s", res.Status, body, published)
	}
	if res, body := s.ask(t, "GET", "/readyz"); res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "the key vault does not answer") {
		t.Errorf("ready: %s %s", res.Status, body)
	}
	for name, verify := range verifiers.All {
		if err := verify(t.Context(), good); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, metrics := s.ask(t, "GET", "/metrics")
	for _, want := range []string{`tailjoin_sts_requests_total{outcome="unavailable"} 1`, "tailjoin_sts_sign_failures_total 1", "tailjoin_sts_sign_seconds_count 2", "tailjoin_sts_keys_fresh 1"} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	v.Return()
	s.token(t)
}

// Many who ask at once wait for the vault together, and not one for another.
func TestService_asksItsVaultForManyAtOnce(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	s := start(t, v, "ES256")
	const slow, many = 300 * time.Millisecond, 50
	v.Disrupt(func(string) vaulttest.Disruption { return vaulttest.Disruption{Before: slow} })
	began := time.Now()
	var all sync.WaitGroup
	for range many {
		all.Go(func() {
			if res, body := s.ask(t, "POST", "/token?resource="+api); res.StatusCode != http.StatusOK {
				t.Errorf("%s %s", res.Status, body)
			}
		})
	}
	all.Wait()
	if took := time.Since(began); took > many*slow/3 {
		t.Errorf("%d tokens of %v each took %v", many, slow, took)
	} else {
		t.Logf("%d tokens of %v each took %v", many, slow, took)
	}
}
