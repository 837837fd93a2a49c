package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/keyring/keyringtest"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
	"github.com/tailjoin/tailjoin/internal/sts/server"
	"tailscale.com/client/tailscale/apitype"
	"tailscale.com/tailcfg"
)

const (
	api    = "https://api.example.com"
	tsiam  = "italypaleale.me/tsiam"
	nodeID = "nABC123CNTRL"
)

// A service is a server that listens, and all that it wrote.
type service struct {
	*httptest.Server
	keys  *keyring.Keeper
	clock *keyringtest.Clock
	made  *server.Server
	audit *buffer
	log   *buffer
}

// start serves the handler that is picked; change spoils its options.
func start(t *testing.T, pick func(*server.Server) http.Handler, change ...func(*server.Options)) *service {
	t.Helper()
	s := &service{clock: keyringtest.At(time.Now().Truncate(time.Second)), audit: &buffer{}, log: &buffer{}}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	var handler http.Handler
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handler.ServeHTTP(w, r) }))
	t.Cleanup(listening.Close)
	o := server.Options{
		Issuer: listening.URL, TokenURL: listening.URL + "/token",
		Policy:    allowing(t, "ES256", api),
		WhoIs:     func(context.Context, string) (*apitype.WhoIsResponse, error) { return web(), nil },
		OnTailnet: func(context.Context) error { return nil },
		Audit:     s.audit, Log: log, Now: s.clock.Now,
	}
	for _, c := range change {
		c(&o)
	}
	if o.Keys == nil {
		o.Keys = ring(t, s.clock, log, o.Policy.Algorithms()...)
	}
	s.Server, s.keys = listening, o.Keys
	s.made = server.New(o)
	handler = pick(s.made)
	return s
}

func ring(t *testing.T, c *keyringtest.Clock, log *slog.Logger, algorithms ...string) *keyring.Keeper {
	t.Helper()
	k := &keyring.Keeper{
		Store: &keyring.Memory{}, Algorithms: algorithms, Now: c.Now, Log: log,
		Timing: keyring.Timing{Lifetime: time.Hour, Skew: time.Minute, CacheFor: 5 * time.Minute, Refresh: 10 * time.Second},
	}
	if err := k.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	return k
}

// web is a tagged node that was granted one audience.
func web() *apitype.WhoIsResponse {
	return &apitype.WhoIsResponse{
		Node: &tailcfg.Node{
			StableID: nodeID, Name: "web-1.tail10ca1.ts.net.", ComputedName: "web-1",
			Addresses: []netip.Prefix{netip.MustParsePrefix("100.64.0.7/32"), netip.MustParsePrefix("fd7a:115c:a1e0::7/128")},
			Tags:      []string{"tag:web"},
		},
		UserProfile: &tailcfg.UserProfile{LoginName: "alice@example.com"},
		CapMap: tailcfg.PeerCapMap{
			tsiam:                    {tailcfg.RawMessage(`{"allowedAudiences":["` + api + `","granted-only"]}`)},
			"example.com/cap/secret": {`{"vault":"hunter2"}`},
		},
	}
}

// allowing is a policy for these audiences.
func allowing(t testing.TB, algorithm string, audiences ...string) *policy.Policy {
	t.Helper()
	claims, err := policy.ParseClaims(policy.DefaultClaims())
	if err != nil {
		t.Fatal(err)
	}
	p := &policy.Policy{}
	for _, a := range audiences {
		pattern, err := policy.ParsePattern(a)
		if err != nil {
			t.Fatal(err)
		}
		p.Rules = append(p.Rules, policy.Rule{Audience: pattern, Lifetime: 5 * time.Minute, Algorithm: algorithm, Claims: claims})
	}
	return p
}

// ask sends a request with tsiam's header and those that are given; a header
// without a value is left out.
func (s *service) ask(t *testing.T, method, path string, headers map[string]string) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Tsiam", "1")
	for name, value := range headers {
		if req.Header.Set(name, value); value == "" {
			req.Header.Del(name)
		}
	}
	res, err := http.DefaultTransport.RoundTrip(req)
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

// token gets one for the audience.
func (s *service) token(t *testing.T, audience string) string {
	t.Helper()
	res, body := s.ask(t, "POST", "/token?resource="+audience, nil)
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s %s (%v)", res.Status, body, err)
	}
	return answer.AccessToken
}

// entries are the lines of the audit, decoded.
func (s *service) entries(t *testing.T) (all []server.Entry) {
	t.Helper()
	for line := range strings.Lines(s.audit.String()) {
		var e server.Entry
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&e); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, e)
	}
	return all
}

// A buffer may be written and read at the same time, and may be full.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
	full bool
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.full {
		return 0, errors.New("no space left on device")
	}
	return b.text.Write(p)
}

func (b *buffer) fill() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.full = true
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// The handlers, to be picked by start.
var (
	tailnet = (*server.Server).Tailnet
	public  = (*server.Server).Public
	ops     = (*server.Server).Ops
)
