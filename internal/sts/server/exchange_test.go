package server_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/sts/exchange"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
	"github.com/tailjoin/tailjoin/internal/sts/server"
)

const (
	grantType   = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeIDToken = "urn:ietf:params:oauth:token-type:id_token"
	typeJWT     = "urn:ietf:params:oauth:token-type:jwt"
	typeAccess  = "urn:ietf:params:oauth:token-type:access_token"
)

// A github is GitHub's issuer, as it is on a local tailnet. It counts what it
// is asked for, and may be away.
type github struct {
	*localtailnet.Issuer
	url   string
	asked atomic.Int64
	away  atomic.Bool
}

func newGitHub(t *testing.T, now func() time.Time) *github {
	t.Helper()
	g := &github{}
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.asked.Add(1)
		if g.away.Load() {
			http.Error(w, "", http.StatusBadGateway)
			return
		}
		g.ServeHTTP(w, r)
	}))
	t.Cleanup(listening.Close)
	issuer, err := localtailnet.NewIssuer(listening.URL)
	if err != nil {
		t.Fatal(err)
	}
	issuer.Now = now
	g.Issuer, g.url = issuer, listening.URL
	return g
}

// A market is a service that exchanges tokens of an issuer.
type market struct {
	*service
	issuer *github
}

// trading starts one that trusts pushes to main of acme/web. More rules follow
// that one.
func trading(t *testing.T, pick func(*server.Server) http.Handler, more ...func(*server.Options)) *market {
	t.Helper()
	m := &market{}
	m.service = start(t, pick, append([]func(*server.Options){func(o *server.Options) {
		m.issuer = newGitHub(t, o.Now)
		o.Policy = allowing(t, "ES256", api, "sts.amazonaws.com", "https://*.internal.example.com")
		o.Exchange = &exchange.Policy{Rules: []exchange.Rule{{
			Name: "exchange.trust[0]", Issuer: m.issuer.url, Audience: o.Issuer,
			Subject: "repo:acme/web:ref:refs/heads/*", Require: map[string]string{"repository_id": "2002"},
			Audiences: patterns(t, api, "https://*.internal.example.com", "https://unlisted.example.com"),
			As:        template(t, exchange.DefaultSubject), Claims: members(t, map[string]any{"repository": "{repository}", "env": "{environment}"}),
		}}}
	}}, more...)...)
	return m
}

func patterns(t *testing.T, texts ...string) (all []policy.Pattern) {
	t.Helper()
	for _, text := range texts {
		p, err := policy.ParsePattern(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func template(t *testing.T, text string) *policy.Template[exchange.Claims] {
	t.Helper()
	made, err := exchange.Words.Template(text)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func members(t *testing.T, raw map[string]any) policy.Claims[exchange.Claims] {
	t.Helper()
	made, err := exchange.Words.Claims(raw)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// token is one of the issuer's, for the service.
func (m *market) token(t *testing.T, claims map[string]any) string {
	t.Helper()
	return m.forge(t, localtailnet.Forgery{Claims: claims})
}

func (m *market) forge(t *testing.T, f localtailnet.Forgery) string {
	t.Helper()
	if f.Audience == "" {
		f.Audience = m.URL
	}
	token, err := m.issuer.Forge(f)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// form is a good request for a token; change spoils it.
func form(token string, change ...func(url.Values)) url.Values {
	v := url.Values{"grant_type": {grantType}, "subject_token": {token}, "subject_token_type": {typeIDToken}, "audience": {api}}
	for _, c := range change {
		c(v)
	}
	return v
}

func set(name string, values ...string) func(url.Values) {
	return func(v url.Values) { v[name] = values }
}

// An outcome is what came of a request.
type outcome struct {
	status  int
	header  http.Header
	Err     string `json:"error"`
	Why     string `json:"error_description"`
	Token   string `json:"access_token"`
	Type    string `json:"token_type"`
	Issued  string `json:"issued_token_type"`
	Expires any    `json:"expires_in"`
}

func (m *market) exchange(t *testing.T, v url.Values, headers ...string) (o outcome) {
	t.Helper()
	return m.post(t, "application/x-www-form-urlencoded", v.Encode(), headers...)
}

func (m *market) post(t *testing.T, kind, body string, headers ...string) (o outcome) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", m.URL+"/oauth/token", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatalf("%s %q: %v", res.Status, raw, err)
	}
	if kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")); kind != "application/json" || res.Header.Get("Cache-Control") != "no-store" || res.Header.Get("Pragma") != "no-cache" {
		t.Errorf("headers %v", res.Header)
	}
	o.status, o.header = res.StatusCode, res.Header
	return o
}

// want fails the test unless a request was refused so, for a reason with these
// words.
func (o outcome) want(t *testing.T, status int, err, why string) {
	t.Helper()
	if o.status != status || o.Err != err || !strings.Contains(o.Why, why) || o.Token != "" {
		t.Errorf("%d %s %q, want %d %s and %q", o.status, o.Err, o.Why, status, err, why)
	}
}

func TestExchange_makesATokenThatAnIndependentVerifierTakes(t *testing.T) {
	t.Parallel()
	m := trading(t, tailnet)
	got := m.exchange(t, form(m.token(t, nil)))
	if got.status != 200 || got.Type != "Bearer" || got.Issued != typeJWT || got.Expires != 300.0 {
		t.Fatalf("%+v", got)
	}
	provider, err := oidc.NewProvider(t.Context(), m.URL)
	if err != nil {
		t.Fatal(err)
	}
	token, err := provider.Verifier(&oidc.Config{ClientID: api, Now: m.clock.Now}).Verify(t.Context(), got.Token)
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := token.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	now := float64(m.clock.Now().Unix())
	want := map[string]any{
		"iss": m.URL, "sub": m.issuer.url + "|repo:acme/web:ref:refs/heads/main", "aud": []any{api}, "jti": claims["jti"],
		"iat": now, "nbf": now - 30, "exp": now + 300, "repository": "acme/web",
	}
	if d := cmp.Diff(want, claims); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestExchange_takesEveryFormThatTheRFCAllows(t *testing.T) {
	t.Parallel()
	m := trading(t, tailnet)
	es256 := localtailnet.Forgery{Method: jwt.SigningMethodES256}
	for name, v := range map[string]url.Values{
		"as a JWT":              form(m.token(t, nil), set("subject_token_type", typeJWT)),
		"a resource":            form(m.token(t, nil), set("audience"), set("resource", api)),
		"both, the same":        form(m.token(t, nil), set("resource", api)),
		"an audience twice":     form(m.token(t, nil), set("audience", api, api)),
		"an access token":       form(m.token(t, nil), set("requested_token_type", typeAccess)),
		"an ID token":           form(m.token(t, nil), set("requested_token_type", typeIDToken)),
		"empty parameters":      form(m.token(t, nil), set("scope", ""), set("actor_token", ""), set("resource", "")),
		"unknown parameters":    form(m.token(t, nil), set("client_id", "x"), set("client_secret", "y")),
		"a wildcard audience":   form(m.token(t, nil), set("audience", "https://db.internal.example.com")),
		"signed with ES256":     form(m.forge(t, es256)),
		"without a typ":         form(m.forge(t, localtailnet.Forgery{Header: map[string]any{"typ": nil}})),
		"for several audiences": form(m.token(t, map[string]any{"aud": []string{"x", m.URL}})),
	} {
		if got := m.exchange(t, v); got.status != 200 || got.Token == "" {
			t.Errorf("%s: %+v", name, got)
		} else if wanted := v.Get("requested_token_type"); wanted != "" && got.Issued != wanted {
			t.Errorf("%s: issued %s", name, got.Issued)
		}
	}
}

func TestExchange_refusesRequestsAsTheRFCsSay(t *testing.T) {
	t.Parallel()
	m := trading(t, tailnet)
	good := m.token(t, nil)
	for name, c := range map[string]struct {
		form   url.Values
		status int
		err    string
		why    string
	}{
		"no grant type":             {form(good, set("grant_type")), 400, "invalid_request", "grant_type is missing"},
		"another grant type":        {form(good, set("grant_type", "client_credentials")), 400, "unsupported_grant_type", ""},
		"no token":                  {form(good, set("subject_token", "")), 400, "invalid_request", "subject_token is missing"},
		"no token type":             {form(good, set("subject_token_type")), 400, "invalid_request", "subject_token_type"},
		"SAML":                      {form(good, set("subject_token_type", "urn:ietf:params:oauth:token-type:saml2")), 400, "invalid_request", "subject_token_type"},
		"a refresh token is wanted": {form(good, set("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")), 400, "invalid_request", "requested_token_type"},
		"an actor":                  {form(good, set("actor_token", good), set("actor_token_type", typeJWT)), 400, "invalid_request", "actor_token"},
		"the type of no actor":      {form(good, set("actor_token_type", typeJWT)), 400, "invalid_request", "actor_token"},
		"a scope":                   {form(good, set("scope", "openid")), 400, "invalid_scope", ""},
		"no audience":               {form(good, set("audience")), 400, "invalid_request", "audience is missing"},
		"two audiences":             {form(good, set("audience", api, "sts.amazonaws.com")), 400, "invalid_target", "one audience"},
		"a resource and another":    {form(good, set("resource", "https://x.internal.example.com")), 400, "invalid_target", "one audience"},
		"a resource that is no URI": {form(good, set("resource", "sts")), 400, "invalid_target", "absolute URI"},
		"a resource with fragment":  {form(good, set("resource", api+"#x")), 400, "invalid_target", "fragment"},
		"a long audience":           {form(good, set("audience", strings.Repeat("x", 513))), 400, "invalid_target", "too long"},
		"a parameter twice":         {form(good, set("subject_token", good, good)), 400, "invalid_request", "twice"},
		"a long token":              {form(strings.Repeat("x", 17<<10)), 400, "invalid_request", "too long"},
		"a long form":               {form(strings.Repeat("x", 65<<10)), 400, "invalid_request", "cannot be read"},
		"an audience of no rule":    {form(good, set("audience", "sts.amazonaws.com")), 400, "invalid_target", "No rule lets"},
		"an unlisted audience":      {form(good, set("audience", "https://unlisted.example.com")), 400, "invalid_target", "configuration"},
	} {
		t.Run(name, func(t *testing.T) { m.exchange(t, c.form).want(t, c.status, c.err, c.why) })
	}
	m.post(t, "application/json", `{"grant_type":"`+grantType+`"}`).want(t, 400, "invalid_request", "form")
	m.post(t, "application/x-www-form-urlencoded", "%zz").want(t, 400, "invalid_request", "cannot be read")
	m.exchange(t, form(good), "Origin", "https://evil.test").want(t, 400, "invalid_request", "'Origin'")
	if res, body := m.ask(t, "POST", "/oauth/token?"+form(good).Encode(), map[string]string{"Content-Type": "application/x-www-form-urlencoded"}); res.StatusCode != 400 {
		t.Errorf("a token in the query: %s %s", res.Status, body)
	}
	if res, _ := m.ask(t, "GET", "/oauth/token", nil); res.StatusCode != 404 {
		t.Errorf("GET: %s", res.Status)
	}
}

func TestExchange_refusesTokensThatAreNotWhatTheyMustBe(t *testing.T) {
	t.Parallel()
	m := trading(t, tailnet)
	stranger := newGitHub(t, m.clock.Now)
	now := m.clock.Now().Unix()
	public, err := json.Marshal(m.issuer.url)
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := stranger.Mint(m.URL, map[string]any{"iss": m.issuer.url})
	if err != nil {
		t.Fatal(err)
	}
	unknown, err := stranger.Mint(m.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	good := m.token(t, nil)
	other := m.token(t, map[string]any{"sub": "repo:acme/web:ref:refs/heads/admin"})
	mixed := strings.Join([]string{strings.Split(good, ".")[0], strings.Split(other, ".")[1], strings.Split(good, ".")[2]}, ".")

	for name, c := range map[string]struct{ token, code, why string }{
		"no JWT":                    {"hunter2", "token_invalid", "no signed JWT"},
		"expired":                   {m.token(t, map[string]any{"exp": now - 60}), "token_invalid", "expired"},
		"expired a second ago":      {m.token(t, map[string]any{"exp": now - 1}), "token_invalid", "expired"},
		"expiring now":              {m.token(t, map[string]any{"exp": now}), "token_invalid", "expired"},
		"without an end":            {m.token(t, map[string]any{"exp": nil}), "token_invalid", "exp claim is required"},
		"of tomorrow":               {m.token(t, map[string]any{"nbf": now + 3600}), "token_invalid", "not valid yet"},
		"made tomorrow":             {m.token(t, map[string]any{"iat": now + 3600}), "token_invalid", "before issued"},
		"for another audience":      {m.token(t, map[string]any{"aud": "https://other.example.com"}), "subject_not_trusted", "https://other.example.com"},
		"without an audience":       {m.token(t, map[string]any{"aud": nil}), "subject_not_trusted", ""},
		"of another subject":        {m.token(t, map[string]any{"sub": "repo:acme/api:ref:refs/heads/main"}), "subject_not_trusted", "repo:acme/api"},
		"a subject beyond a star":   {m.token(t, map[string]any{"sub": "repo:acme/web:ref:refs/heads/x/y"}), "subject_not_trusted", ""},
		"without a subject":         {m.token(t, map[string]any{"sub": nil}), "subject_not_trusted", ""},
		"of another repository ID":  {m.token(t, map[string]any{"repository_id": "2003"}), "subject_not_trusted", ""},
		"without a repository ID":   {m.token(t, map[string]any{"repository_id": nil}), "subject_not_trusted", ""},
		"of an unknown issuer":      {unknown, "issuer_not_trusted", stranger.url},
		"without an issuer":         {m.token(t, map[string]any{"iss": nil}), "issuer_not_trusted", ""},
		"of an issuer with a slash": {m.token(t, map[string]any{"iss": m.issuer.url + "/"}), "issuer_not_trusted", ""},
		"another issuer's key":      {foreign, "token_invalid", "signature is invalid"},
		"an unknown key":            {m.forge(t, localtailnet.Forgery{Header: map[string]any{"kid": "gone"}}), "token_invalid", "no such key"},
		"claims of another token":   {mixed, "token_invalid", "signature is invalid"},
		"no signature":              {good[:strings.LastIndexByte(good, '.')+1], "token_invalid", "signature is invalid"},
		"alg none":                  {withoutAlgorithm(good), "token_invalid", "signing method none is invalid"},
		"a shared secret":           {m.forge(t, localtailnet.Forgery{Method: jwt.SigningMethodHS256, Key: public}), "token_invalid", "signing method HS256 is invalid"},
		"the type of another token": {m.forge(t, localtailnet.Forgery{Header: map[string]any{"typ": "at+jwt"}}), "token_invalid", "its type"},
		"critical extensions":       {m.forge(t, localtailnet.Forgery{Header: map[string]any{"crit": []string{"x"}, "x": 1}}), "token_invalid", "critical"},
	} {
		t.Run(name, func(t *testing.T) {
			m.exchange(t, form(c.token)).want(t, 400, "invalid_request", c.why)
			entries := m.entries(t)
			if last := entries[len(entries)-1]; last.Outcome != c.code || last.Event != "exchange" || last.JTI != "" {
				t.Errorf("the audit has %+v, want %s", last, c.code)
			}
		})
	}
	if n := stranger.asked.Load(); n != 0 {
		t.Errorf("an issuer that nobody trusts was asked %d times", n)
	}
}

// withoutAlgorithm is a token that says of itself that it needs no signature.
func withoutAlgorithm(token string) string {
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`))
	return header + "." + strings.Split(token, ".")[1] + "."
}

func TestExchange_aTokenNeverOutlivesTheOneItCameFrom(t *testing.T) {
	t.Parallel()
	m := trading(t, tailnet, func(o *server.Options) {
		short := o.Exchange.Rules[0]
		short.Name, short.Subject, short.Lifetime = "exchange.trust[1]", "repo:acme/short:**", 2*time.Minute
		long := o.Exchange.Rules[0]
		long.Name, long.Subject, long.Lifetime = "exchange.trust[2]", "repo:acme/long:**", 10*time.Minute
		o.Exchange.Rules = append(o.Exchange.Rules, short, long)
	})
	now := m.clock.Now().Unix()
	for name, c := range map[string]struct {
		claims map[string]any
		want   any
	}{
		"longer than the audience's": {map[string]any{"exp": now + 3600}, 300.0},
		"shorter":                    {map[string]any{"exp": now + 77}, 77.0},
		"a rule's":                   {map[string]any{"sub": "repo:acme/short:x"}, 120.0},
		"a longer rule's":            {map[string]any{"sub": "repo:acme/long:x", "exp": now + 3600}, 300.0},
	} {
		got := m.exchange(t, form(m.token(t, c.claims)))
		if got.Expires != c.want {
			t.Errorf("%s: %+v, want %v seconds", name, got, c.want)
		}
	}
}

func TestExchange_takesTheFirstRuleThatFitsTheTokenAndTheAudience(t *testing.T) {
	t.Parallel()
	m := trading(t, tailnet, func(o *server.Options) {
		aws := o.Exchange.Rules[0]
		aws.Name, aws.Audiences, aws.As = "exchange.trust[1]", patterns(t, "sts.amazonaws.com"), template(t, "ci:{repository_id}:{ref}")
		lacking := aws
		lacking.Name, lacking.Subject, lacking.As = "exchange.trust[2]", "repo:acme/lacking:x", template(t, "ci:{environment}")
		o.Exchange.Rules = append(o.Exchange.Rules, aws, lacking)
	})
	if got := m.exchange(t, form(m.token(t, nil), set("audience", "sts.amazonaws.com"))); got.status != 200 {
		t.Fatalf("%+v", got)
	}
	if got := m.entries(t)[0]; got.Grant != "exchange.trust[1]" || got.Subject != "ci:2002:refs/heads/main" || got.Rule != "sts.amazonaws.com" {
		t.Errorf("the audit has %+v", got)
	}
	// A subject is made whole, or not at all.
	m.exchange(t, form(m.token(t, map[string]any{"sub": "repo:acme/lacking:x"}), set("audience", "sts.amazonaws.com"))).want(t, 400, "invalid_request", "lacks a claim")
	long := map[string]any{"ref": strings.Repeat("x", 255)}
	m.exchange(t, form(m.token(t, long), set("audience", "sts.amazonaws.com"))).want(t, 400, "invalid_request", "too long")
}

func TestExchange_asksAnIssuerForKeysNoMoreThanItMust(t *testing.T) {
	t.Parallel()
	m := trading(t, tailnet)
	ask := func(want int) {
		t.Helper()
		if got := m.exchange(t, form(m.token(t, nil))); got.status != want {
			t.Errorf("%+v, want %d", got, want)
		}
	}
	asked := func(step string, want int64) {
		t.Helper()
		if got := m.issuer.asked.Swap(0); got != want {
			t.Errorf("%s: the issuer was asked %d times, want %d", step, got, want)
		}
	}
	pass := func(d time.Duration) {
		t.Helper()
		m.clock.Pass(d)
		if err := m.keys.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { m.exchange(t, form(m.token(t, nil))) })
	}
	all.Wait()
	asked("eight at once", 2) // discovery, keys
	for range 5 {
		m.exchange(t, form(m.forge(t, localtailnet.Forgery{Header: map[string]any{"kid": "gone"}})))
	}
	asked("keys that nobody knows, just after", 0)
	pass(11 * time.Second)
	for range 5 {
		m.exchange(t, form(m.forge(t, localtailnet.Forgery{Header: map[string]any{"kid": "gone"}})))
	}
	asked("keys that nobody knows, later", 2)
	pass(9 * time.Minute)
	ask(200)
	asked("before the keys are old", 0)
	m.issuer.away.Store(true)
	pass(2 * time.Minute)
	ask(200)
	asked("the issuer is away", 1)
	ask(200)
	asked("and was asked just now", 0)
	pass(time.Hour)
	got := m.exchange(t, form(m.token(t, nil)))
	got.want(t, 503, "temporarily_unavailable", "issuer")
	if got.header.Get("Retry-After") == "" {
		t.Error("it does not say when to ask again")
	}
	m.issuer.away.Store(false)
	pass(11 * time.Second)
	ask(200)
}

func TestExchange_isOfferedWhereItIsConfigured(t *testing.T) {
	t.Parallel()
	none := start(t, tailnet)
	if res, _ := none.ask(t, "POST", "/oauth/token", nil); res.StatusCode != 405 {
		t.Errorf("without a rule: %s", res.Status)
	}
	m := trading(t, public)
	if res, _ := m.ask(t, "POST", "/oauth/token", nil); res.StatusCode != 405 {
		t.Errorf("to everybody: %s", res.Status)
	}
	open := trading(t, public, func(o *server.Options) { o.PublicExchange = true })
	if got := open.exchange(t, form(open.token(t, nil))); got.status != 200 {
		t.Errorf("%+v", got)
	}
	if res, _ := open.ask(t, "POST", "/token?resource="+api, nil); res.StatusCode != 405 {
		t.Errorf("/token beside it: %s", res.Status)
	}
	if e := open.entries(t); len(e) != 1 || e[0].Node != "" {
		t.Errorf("the audit has %+v", e)
	}
}

func TestExchange_isRefusedWhenAskedForTooOften(t *testing.T) {
	t.Parallel()
	for name, pick := range map[string]func(*server.Server) http.Handler{"a node": tailnet, "a stranger": public} {
		m := trading(t, pick, func(o *server.Options) { o.Rate, o.Burst, o.PublicExchange = 1, 2, true })
		var statuses []int
		for range 3 {
			statuses = append(statuses, m.exchange(t, form("x")).status)
		}
		if d := cmp.Diff([]int{400, 400, 429}, statuses); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
		m.exchange(t, form("x")).want(t, 429, "temporarily_unavailable", "Too many")
	}
}

func TestExchange_isInTheAuditAndTheMetricsAndItsTokensAreNot(t *testing.T) {
	t.Parallel()
	m := trading(t, func(s *server.Server) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/", s.Tailnet())
		mux.Handle("/metrics", s.Ops())
		return mux
	})
	shown := m.token(t, map[string]any{"jti": "j-1"})
	got := m.exchange(t, form(shown))
	m.exchange(t, form(m.token(t, nil), set("audience", "sts.amazonaws.com")))
	m.exchange(t, form("x.y.z"))
	entries := m.entries(t)
	want := server.Entry{
		Time: m.clock.Now().UTC(), Event: "exchange", Outcome: "issued", Remote: entries[0].Remote,
		Node: nodeID, Name: "web-1.tail10ca1.ts.net", Tags: []string{"tag:web"},
		Presented: &server.Presented{Issuer: m.issuer.url, Subject: "repo:acme/web:ref:refs/heads/main", Audience: m.URL, ID: "j-1", Verified: true},
		Audience:  api, Rule: api, Grant: "exchange.trust[0]", Subject: m.issuer.url + "|repo:acme/web:ref:refs/heads/main",
		JTI: entries[0].JTI, Key: entries[0].Key, Algorithm: "ES256", Expires: m.clock.Now().UTC().Add(5 * time.Minute),
	}
	if d := cmp.Diff(want, entries[0]); d != "" || want.JTI == "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if outcomes := []string{entries[1].Outcome, entries[2].Outcome}; outcomes[0] != "audience_not_permitted" || outcomes[1] != "token_invalid" {
		t.Errorf("outcomes %v", outcomes)
	}
	_, page := m.ask(t, "GET", "/metrics", nil)
	for _, line := range []string{
		`tailjoin_sts_exchanges_total{outcome="issued"} 1`, `tailjoin_sts_exchanges_total{outcome="audience_not_permitted"} 1`,
		`tailjoin_sts_exchanges_total{outcome="token_invalid"} 1`, `tailjoin_sts_tokens_total{rule="` + api + `"} 1`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("%s is missing in\n%s", line, page)
		}
	}
	wantFormat(t, page)
	for name, text := range map[string]string{"audit": m.audit.String(), "log": m.log.String(), "metrics": page} {
		for part := range strings.SplitSeq(shown+"."+got.Token, ".") {
			if strings.Contains(text, part) {
				t.Errorf("the %s has a part of a token: %s", name, part)
			}
		}
	}
}

func TestExchange_givesNothingThatNeitherTheAuditNorTheLogHas(t *testing.T) {
	t.Parallel()
	m := trading(t, tailnet)
	m.audit.fill()
	m.log.fill()
	m.exchange(t, form(m.token(t, nil))).want(t, 500, "server_error", "")
}
