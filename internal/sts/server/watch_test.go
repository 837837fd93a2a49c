package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tailjoin/tailjoin/internal/sts/keyring/keyringtest"
	"github.com/tailjoin/tailjoin/internal/sts/server"
	"tailscale.com/client/tailscale/apitype"
)

func TestAudit_hasEveryDecisionAndNoToken(t *testing.T) {
	t.Parallel()
	var nobody atomic.Bool
	s := start(t, tailnet, func(o *server.Options) {
		o.Policy = allowing(t, "ES256", "https://*.example.com")
		o.WhoIs = func(context.Context, string) (*apitype.WhoIsResponse, error) {
			if nobody.Load() {
				return nil, errors.New("peer not found")
			}
			return web(), nil
		}
	})
	token := s.token(t, api)
	s.ask(t, "POST", "/token?resource=https://db.example.com", nil)
	s.ask(t, "POST", "/token?resource=granted-only", nil)
	s.ask(t, "POST", "/token?resource="+api, map[string]string{"Origin": "https://evil.test"})
	nobody.Store(true)
	s.ask(t, "POST", "/token?resource="+api, nil)

	var claims jwt.RegisteredClaims
	parsed, _, err := jwt.NewParser().ParseUnverified(token, &claims)
	if err != nil {
		t.Fatal(err)
	}
	at := s.clock.Now().UTC()
	node := server.Entry{Time: at, Event: "token", Node: nodeID, Name: "web-1.tail10ca1.ts.net", Tags: []string{"tag:web"}}
	issued, notPermitted, notAllowed := node, node, node
	issued.Outcome, issued.Audience, issued.Rule, issued.Grant = "issued", api, "https://*.example.com", tsiam+"[0]"
	issued.Subject, issued.JTI, issued.Key, issued.Algorithm = nodeID, claims.ID, parsed.Header["kid"].(string), "ES256"
	issued.Expires = claims.ExpiresAt.UTC()
	notPermitted.Outcome, notPermitted.Audience, notPermitted.Rule = "audience_not_permitted", "https://db.example.com", "https://*.example.com"
	notAllowed.Outcome, notAllowed.Audience = "audience_not_allowed", "granted-only"
	want := []server.Entry{
		issued, notPermitted, notAllowed,
		{Time: at, Event: "token", Outcome: "no_browser", Because: "found browser header 'Origin'"},
		{Time: at, Event: "token", Outcome: "node_identity", Because: "peer not found"},
	}
	if d := cmp.Diff(want, s.entries(t), cmpopts.IgnoreFields(server.Entry{}, "Remote")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for name, text := range map[string]string{"audit": s.audit.String(), "log": s.log.String()} {
		for part := range strings.SplitSeq(token, ".") {
			if strings.Contains(text, part) {
				t.Errorf("the %s has a part of the token: %s", name, part)
			}
		}
	}
}

func TestAudit_isALineEachWhateverIsAskedFor(t *testing.T) {
	t.Parallel()
	s := start(t, tailnet)
	s.ask(t, "POST", "/token?resource=a%0A%7B%22outcome%22:%22issued%22%7D", nil)
	entries := s.entries(t)
	if len(entries) != 1 || entries[0].Outcome != "audience_not_allowed" {
		t.Errorf("%+v", entries)
	}
}

func TestMetrics_haveNoLabelThatACallerMakes(t *testing.T) {
	t.Parallel()
	s := start(t, func(s *server.Server) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", s.Tailnet())
		mux.Handle("/metrics", s.Ops())
		return mux
	}, func(o *server.Options) {
		o.Policy = allowing(t, "ES256", "https://*.example.com", `quote"back\slash`)
	})
	s.token(t, api)
	for i := range 50 {
		s.ask(t, "POST", fmt.Sprintf("/token?resource=https://host-%d.example.com", i), nil)
		s.ask(t, "POST", fmt.Sprintf("/token?resource=audience-%d", i), nil)
	}
	_, body := s.ask(t, "GET", "/metrics", nil)
	for _, want := range []string{
		`tailjoin_sts_requests_total{outcome="issued"} 1`,
		`tailjoin_sts_requests_total{outcome="audience_not_permitted"} 50`,
		`tailjoin_sts_requests_total{outcome="audience_not_allowed"} 50`,
		`tailjoin_sts_requests_total{outcome="internal"} 0`,
		`tailjoin_sts_tokens_total{rule="https://*.example.com"} 1`,
		`tailjoin_sts_tokens_total{rule="quote\"back\\slash"} 0`,
		`tailjoin_sts_request_seconds_bucket{le="+Inf"} 101`,
		`tailjoin_sts_request_seconds_count 101`,
		`tailjoin_sts_sign_seconds_count 1`,
		`tailjoin_sts_sign_failures_total 0`,
		`tailjoin_sts_key_age_seconds{algorithm="ES256"} 0`,
		`tailjoin_sts_keys{algorithm="ES256",state="active"} 1`,
		`tailjoin_sts_keys{algorithm="ES256",state="next"} 1`,
		`tailjoin_sts_keys_fresh 1`,
	} {
		if !strings.Contains(body, want+"\n") {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(body, "host-") || strings.Contains(body, "audience-") || strings.Contains(body, nodeID) {
		t.Errorf("a label is made by who asks:\n%s", body)
	}
	wantFormat(t, body)
}

// wantFormat holds a page against the grammar of Prometheus' text format: each
// sample has a type before it, and is there once.
func wantFormat(t *testing.T, page string) {
	t.Helper()
	sample := regexp.MustCompile(`^([a-z_]+?)(_bucket|_sum|_count)?(\{[a-z]+="(?:[^"\\]|\\.)*"(?:,[a-z]+="(?:[^"\\]|\\.)*")*\})? ([0-9.e+-]+)$`)
	typed, seen := map[string]string{}, map[string]bool{}
	for line := range strings.Lines(page) {
		line = strings.TrimSuffix(line, "\n")
		if words := strings.Fields(line); words[0] == "#" {
			if words[1] == "TYPE" {
				typed[words[2]] = words[3]
			}
			continue
		}
		m := sample.FindStringSubmatch(line)
		if m == nil || typed[m[1]] == "" && typed[m[1]+m[2]] == "" || seen[m[1]+m[2]+m[3]] {
			t.Errorf("no sample, one without a type, or one twice: %q", line)
			continue
		}
		seen[m[1]+m[2]+m[3]] = true
	}
}

func TestReady_isWhoCanSignAndSeesTheTailnet(t *testing.T) {
	t.Parallel()
	var off atomic.Bool
	s := start(t, tailnet, func(o *server.Options) {
		o.OnTailnet = func(context.Context) error {
			if off.Load() {
				return errors.New("Stopped")
			}
			return nil
		}
	})
	ready := func() (int, string) {
		res, body := s.ask(t, "GET", "/readyz", nil)
		return res.StatusCode, body
	}
	if status, body := ready(); status != 200 || body != `{"keys":"ok","tailnet":"ok"}` {
		t.Errorf("%d %s", status, body)
	}
	off.Store(true)
	s.clock.Pass(6 * time.Second)
	if status, body := ready(); status != 503 || body != `{"keys":"ok","tailnet":"Stopped"}` {
		t.Errorf("without a tailnet: %d %s", status, body)
	}
	off.Store(false)
	s.clock.Pass(23 * time.Second) // 29 in all: as long as the keys need not be looked at
	if status, _ := ready(); status != 200 {
		t.Errorf("with one again: %d", status)
	}
	s.clock.Pass(2 * time.Second) // the answer of before would count still
	if status, body := ready(); status != 503 || body != `{"keys":"the store of the signing keys does not answer","tailnet":"ok"}` {
		t.Errorf("without the keys' store: %d %s", status, body)
	}
	if res, _ := s.ask(t, "GET", "/healthz", nil); res.StatusCode != 204 {
		t.Errorf("health: %s", res.Status)
	}
}

// A caller on the tailnet is looked up once a second, and everybody else each
// time.
func TestCaller_isLookedUpAgainBeforeAGrantIsOld(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	granted := web()
	now, log := keyringtest.At(time.Now()), slog.New(slog.DiscardHandler)
	s := server.New(server.Options{
		Policy: allowing(t, "ES256", api), Keys: ring(t, now, log, "ES256"), Now: now.Now, Audit: io.Discard, Log: log,
		WhoIs: func(context.Context, string) (*apitype.WhoIsResponse, error) { asked.Add(1); return granted, nil },
	})
	ask := func(remote string) int {
		r := httptest.NewRequest("POST", "/token?resource="+api, nil)
		r.RemoteAddr = remote
		r.Header.Set("X-Tsiam", "1")
		w := httptest.NewRecorder()
		s.Tailnet().ServeHTTP(w, r)
		return w.Code
	}
	for _, step := range []struct {
		remote string
		status int
		asked  int64
	}{
		{"100.64.0.7:1000", 200, 1}, {"100.64.0.7:1001", 200, 1}, {"[fd7a:115c:a1e0::7]:1000", 200, 2},
		{"100.64.0.8:1000", 200, 3}, {"127.0.0.1:1000", 200, 4}, {"127.0.0.1:1000", 200, 5},
	} {
		if status := ask(step.remote); status != step.status || asked.Load() != step.asked {
			t.Errorf("%s: %d after %d questions, want %d after %d", step.remote, status, asked.Load(), step.status, step.asked)
		}
	}
	granted = web()
	delete(granted.CapMap, tsiam)
	now.Pass(999 * time.Millisecond)
	if status := ask("100.64.0.7:1002"); status != 200 {
		t.Errorf("within the second: %d", status)
	}
	now.Pass(time.Millisecond)
	if status := ask("100.64.0.7:1003"); status != 403 {
		t.Errorf("a second after the grant was taken away: %d", status)
	}
}
