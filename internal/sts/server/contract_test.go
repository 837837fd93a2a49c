package server_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	_ "net/http/pprof" // as tailscale.com/client/local brings it along
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
	"github.com/tailjoin/tailjoin/internal/sts/server"
	"tailscale.com/client/tailscale/apitype"
	"tailscale.com/tailcfg"
)

// tsiam's contract, as far as a request without a token goes: the status and
// code of each refusal, in the order of the checks, and of every other path.
func TestContract_ofTsiam(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 513)
	for name, c := range map[string]struct {
		method, path string
		headers      map[string]string
		nobody       bool // WhoIs fails
		status       int
		code         string // of the JSON; "" is no JSON
		inner        string
	}{
		"no header":                   {"POST", "/token?resource=" + api, map[string]string{"X-Tsiam": ""}, false, 403, "no_browser", "missing header X-Tsiam"},
		"another value of it":         {"POST", "/token?resource=" + api, map[string]string{"X-Tsiam": "true"}, false, 200, "", ""},
		"Origin":                      {"POST", "/token?resource=" + api, map[string]string{"Origin": "https://evil.test"}, false, 403, "no_browser", "found browser header 'Origin'"},
		"Sec-Fetch-Site":              {"POST", "/token?resource=" + api, map[string]string{"Sec-Fetch-Site": "same-origin"}, false, 403, "no_browser", "found browser header 'Sec-Fetch-Site'"},
		"Sec-Fetch-Mode":              {"POST", "/token?resource=" + api, map[string]string{"Sec-Fetch-Mode": "cors"}, false, 403, "no_browser", "found browser header 'Sec-Fetch-Mode'"},
		"Sec-Fetch-Dest":              {"POST", "/token?resource=" + api, map[string]string{"Sec-Fetch-Dest": "empty"}, false, 403, "no_browser", "found browser header 'Sec-Fetch-Dest'"},
		"Sec-Fetch-User":              {"POST", "/token?resource=" + api, map[string]string{"Sec-Fetch-User": "?1"}, false, 403, "no_browser", "found browser header 'Sec-Fetch-User'"},
		"a browser before all else":   {"POST", "/token", map[string]string{"Origin": "null"}, true, 403, "no_browser", "found browser header 'Origin'"},
		"nobody before the audience":  {"POST", "/token", nil, true, 403, "node_identity", ""},
		"no audience":                 {"POST", "/token", nil, false, 400, "missing_audience", ""},
		"an empty audience":           {"POST", "/token?resource=&audience=%20", nil, false, 400, "missing_audience", ""},
		"two audiences":               {"POST", "/token?resource=a&audience=b", nil, false, 400, "audience_conflict", ""},
		"a long audience":             {"POST", "/token?resource=" + long, nil, false, 400, "audience_too_long", ""},
		"two long ones, which differ": {"POST", "/token?resource=" + long + "&audience=a", nil, false, 400, "audience_conflict", ""},
		"not in the list":             {"POST", "/token?resource=granted-only", nil, false, 403, "audience_not_allowed", ""},
		"in another case":             {"POST", "/token?resource=HTTPS://api.example.com", nil, false, 403, "audience_not_allowed", ""},
		"not granted":                 {"POST", "/token?resource=https://listed.example.com", nil, false, 403, "audience_not_permitted", ""},
		"resource":                    {"POST", "/token?resource=" + api, nil, false, 200, "", ""},
		"audience":                    {"POST", "/token?audience=" + api, nil, false, 200, "", ""},
		"both, the same":              {"POST", "/token?resource=" + api + "&audience=" + api, nil, false, 200, "", ""},
		"with spaces":                 {"POST", "/token?resource=%20" + api + "%20", nil, false, 200, "", ""},
		"GET /token":                  {"GET", "/token?resource=" + api, nil, false, 404, "", ""},
		"PUT /token":                  {"PUT", "/token?resource=" + api, nil, false, 405, "", ""},
		"POST elsewhere":              {"POST", "/tokens", nil, false, 405, "", ""},
		"the root":                    {"GET", "/", nil, true, 200, "", ""},
		"nothing":                     {"GET", "/nothing", nil, false, 404, "", ""},
		"health":                      {"GET", "/healthz", nil, true, 204, "", ""},
		"keys":                        {"GET", "/.well-known/jwks.json", nil, true, 200, "", ""},
		"discovery":                   {"GET", "/.well-known/openid-configuration", nil, true, 200, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t, tailnet, func(o *server.Options) {
				o.Policy = allowing(t, "ES256", api, "https://listed.example.com")
				if c.nobody {
					o.WhoIs = func(context.Context, string) (*apitype.WhoIsResponse, error) {
						return nil, errors.New("peer not found")
					}
				}
			})
			res, body := s.ask(t, c.method, c.path, c.headers)
			if res.StatusCode != c.status {
				t.Fatalf("%s %s, want %d", res.Status, body, c.status)
			}
			if c.code != "" {
				wantRefusal(t, res, body, c.code, c.inner)
			}
		})
	}
}

// wantRefusal compares an error with tsiam's form of it.
func wantRefusal(t *testing.T, res *http.Response, body, code, inner string) {
	t.Helper()
	var got map[string]string
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind != "application/json" {
		t.Errorf("its type is %q", kind)
	}
	if got["message"] == "" {
		t.Errorf("no message in %s", body)
	}
	delete(got, "message")
	want := map[string]string{"code": code}
	if inner != "" {
		want["innerError"] = inner
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestContract_theAnswerWithAToken(t *testing.T) {
	t.Parallel()
	s := start(t, tailnet)
	res, body := s.ask(t, "POST", "/token?resource="+api, nil)
	var answer map[string]string // its numbers are texts
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	now := s.clock.Now().Unix()
	want := map[string]string{
		"access_token": answer["access_token"], "token_type": "Bearer", "expires_in": "300",
		"expires_on": strconv.FormatInt(now+300, 10), "not_before": strconv.FormatInt(now-30, 10),
	}
	if d := cmp.Diff(want, answer); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind != "application/json" || res.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", res.Header)
	}
}

func TestContract_theClaims(t *testing.T) {
	t.Parallel()
	s := start(t, tailnet)
	token := s.token(t, api)
	claims := jwt.MapClaims{}
	parsed, _, err := jwt.NewParser().ParseUnverified(token, claims)
	if err != nil {
		t.Fatal(err)
	}
	now := float64(s.clock.Now().Unix())
	want := jwt.MapClaims{
		"iss": s.URL, "sub": nodeID, "aud": []any{api}, "jti": claims["jti"],
		"iat": now, "nbf": now - 30, "exp": now + 300,
		tsiam: map[string]any{
			"nodeId": nodeID, "name": "web-1.tail10ca1.ts.net", "hostname": "web-1",
			"ip4": "100.64.0.7", "ip6": "fd7a:115c:a1e0::7", "tags": []any{"tag:web"},
		},
	}
	if d := cmp.Diff(want, claims); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if jti := fmt.Sprint(claims["jti"]); len(jti) != 32 {
		t.Errorf("jti %q", jti)
	}
	if d := cmp.Diff(map[string]any{"alg": "ES256", "kid": parsed.Header["kid"], "typ": "JWT"}, parsed.Header); d != "" {
		t.Errorf("header (-want +got):\n%s", d)
	}
	if strings.Contains(fmt.Sprint(claims), "hunter2") {
		t.Error("the token shows another grant of the node")
	}
}

// Whatever arrives by Funnel has a handler of its own.
func TestPublic_hasNoTokensForAnybody(t *testing.T) {
	t.Parallel()
	s := start(t, public, func(o *server.Options) { o.Policy.AllowEmptyCapability = true })
	for path, status := range map[string]int{
		"POST /token?resource=" + api: 405, "GET /token?resource=" + api: 404, "GET /healthz": 404, "GET /readyz": 404, "GET /metrics": 404,
		"GET /.well-known/jwks.json": 200, "GET /.well-known/openid-configuration": 200, "GET /": 200,
	} {
		method, path, _ := strings.Cut(path, " ")
		if res, body := s.ask(t, method, path, nil); res.StatusCode != status {
			t.Errorf("%s %s: %s %s, want %d", method, path, res.Status, body, status)
		}
	}
	if got := s.audit.String(); got != "" {
		t.Errorf("something was decided: %s", got)
	}
}

func TestHandlers_haveNoPagesForDebugging(t *testing.T) {
	t.Parallel()
	probe, err := http.NewRequest("GET", "/debug/pprof/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, pattern := http.DefaultServeMux.Handler(probe); pattern == "" {
		t.Fatal("nothing of what is linked here registers such a page: this test shows nothing")
	}
	for name, pick := range map[string]func(*server.Server) http.Handler{"tailnet": tailnet, "public": public, "ops": ops} {
		s := start(t, pick)
		for _, path := range []string{"/debug/pprof/", "/debug/vars", "/debug/"} {
			if res, _ := s.ask(t, "GET", path, nil); res.StatusCode != http.StatusNotFound {
				t.Errorf("%s: GET %s: %s", name, path, res.Status)
			}
		}
	}
}

func TestToken_isRefusedWhenAskedForTooOften(t *testing.T) {
	t.Parallel()
	other := web()
	other.Node.StableID = "nOTHER"
	who := web()
	s := start(t, tailnet, func(o *server.Options) {
		o.Rate, o.Burst = 2, 3
		o.WhoIs = func(context.Context, string) (*apitype.WhoIsResponse, error) { return who, nil }
	})
	statuses := func(n int) (all []int) {
		for range n {
			res, body := s.ask(t, "POST", "/token?resource="+api, nil)
			if all = append(all, res.StatusCode); res.StatusCode == http.StatusTooManyRequests {
				wantRefusal(t, res, body, "rate_limited", "")
				if res.Header.Get("Retry-After") == "" {
					t.Error("it does not say when to ask again")
				}
			}
		}
		return all
	}
	for _, step := range []struct {
		name string
		do   func()
		want []int
	}{
		{"at once", func() {}, []int{200, 200, 200, 429, 429}},
		{"a second later", func() { s.clock.Pass(time.Second) }, []int{200, 200, 429}},
		{"another node", func() { who = other }, []int{200, 200, 200, 429}},
	} {
		step.do()
		if d := cmp.Diff(step.want, statuses(len(step.want))); d != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, d)
		}
	}
}

func TestToken_isNotGivenOutUnlessTheAuditOrTheLogHasIt(t *testing.T) {
	t.Parallel()
	s := start(t, tailnet)
	s.audit.fill()
	s.log.fill()
	res, body := s.ask(t, "POST", "/token?resource="+api, nil)
	if res.StatusCode != http.StatusInternalServerError {
		t.Errorf("%s %s", res.Status, body)
	}
	wantRefusal(t, res, body, "internal", "")
}

func TestToken_isRefusedWhileTheStoreIsAwayAndKeysStayPublished(t *testing.T) {
	t.Parallel()
	s := start(t, tailnet)
	_, before := s.ask(t, "GET", "/.well-known/jwks.json", nil)
	s.clock.Pass(31 * time.Second) // in which the keys were not seen in the store
	res, body := s.ask(t, "POST", "/token?resource="+api, nil)
	if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s %v %s", res.Status, res.Header, body)
	}
	wantRefusal(t, res, body, "unavailable", "")
	if res, after := s.ask(t, "GET", "/.well-known/jwks.json", nil); res.StatusCode != 200 || after != before {
		t.Errorf("the keys: %s %s", res.Status, after)
	}
	if res, body := s.ask(t, "GET", "/readyz", nil); res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("readiness: %s %s", res.Status, body)
	}
}

func TestServer_publishesNoEmptySetBeforeThereAreKeys(t *testing.T) {
	t.Parallel()
	s := start(t, tailnet, func(o *server.Options) { o.Keys = &keyring.Keeper{Store: &keyring.Memory{}} })
	for _, request := range []string{"POST /token?resource=" + api, "GET /.well-known/jwks.json", "GET /.well-known/openid-configuration"} {
		method, path, _ := strings.Cut(request, " ")
		res, body := s.ask(t, method, path, nil)
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %s %v", request, res.Status, res.Header)
		}
		wantRefusal(t, res, body, "unavailable", "")
	}
}

func TestToken_warnsOfGrantsThatGiveNothing(t *testing.T) {
	t.Parallel()
	who := web()
	who.CapMap[policy.Capability] = []tailcfg.RawMessage{`{"allowedAudience":["x"]}`}
	s := start(t, tailnet, func(o *server.Options) {
		o.WhoIs = func(context.Context, string) (*apitype.WhoIsResponse, error) { return who, nil }
	})
	s.token(t, api)
	if log := s.log.String(); !strings.Contains(log, "level=WARN") || !strings.Contains(log, "allowedAudience") {
		t.Errorf("the log says nothing of it: %s", log)
	}
}
