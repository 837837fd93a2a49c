package policy_test

import (
	"encoding/json"
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
	"tailscale.com/client/tailscale/apitype"
	"tailscale.com/tailcfg"
)

const tsiam = "italypaleale.me/tsiam"

// who is what WhoIs says of a tagged node with these capabilities.
func who(caps tailcfg.PeerCapMap) *apitype.WhoIsResponse {
	return &apitype.WhoIsResponse{
		Node: &tailcfg.Node{
			StableID: "nABC123CNTRL", Name: "web-1.tail10ca1.ts.net.", ComputedName: "web-1",
			Addresses: []netip.Prefix{netip.MustParsePrefix("100.64.0.7/32"), netip.MustParsePrefix("fd7a:115c:a1e0::7/128")},
			Tags:      []string{"tag:web"},
		},
		UserProfile: &tailcfg.UserProfile{LoginName: "tagged-devices"},
		CapMap:      caps,
	}
}

func mustCaller(t *testing.T, r *apitype.WhoIsResponse) *policy.Caller {
	t.Helper()
	c, err := policy.CallerOf(r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// What a node calls itself is not its name: its owner chooses it.
func TestCallerOf_namesANodeAsTheTailnetDoes(t *testing.T) {
	for name, c := range map[string]struct{ name, calls, want string }{
		"named as it calls itself": {"web-1.tail10ca1.ts.net.", "web-1", "web-1"},
		"renamed":                  {"web-1.tail10ca1.ts.net.", "admin", "web-1"},
		"of another tailnet":       {"web-1.tail99.ts.net.", "admin", "web-1.tail99.ts.net"},
		"without a name":           {"", "admin", ""},
	} {
		r := who(nil)
		r.Node.Name, r.Node.Hostinfo = c.name, (&tailcfg.Hostinfo{Hostname: c.calls}).View()
		r.Node.InitDisplayNames("tail10ca1.ts.net.")
		if got := mustCaller(t, r).Hostname; got != c.want {
			t.Errorf("a node %s has the hostname %q, want %q", name, got, c.want)
		}
	}
}

func granted(t *testing.T, name string, values ...string) *policy.Caller {
	t.Helper()
	caps := tailcfg.PeerCapMap{tailcfg.PeerCapability(name): nil}
	for _, v := range values {
		caps[tailcfg.PeerCapability(name)] = append(caps[tailcfg.PeerCapability(name)], tailcfg.RawMessage(v))
	}
	return mustCaller(t, who(caps))
}

func mustPattern(t *testing.T, text string) policy.Pattern {
	t.Helper()
	p, err := policy.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustClaims(t *testing.T, raw map[string]any) policy.Claims[*policy.Caller] {
	t.Helper()
	c, err := policy.ParseClaims(raw)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// allowing is a policy whose first layer allows these audiences.
func allowing(t *testing.T, audiences ...string) *policy.Policy {
	t.Helper()
	p := &policy.Policy{Subject: policy.SubjectNodeID}
	for _, a := range audiences {
		p.Rules = append(p.Rules, policy.Rule{
			Audience: mustPattern(t, a), Lifetime: 5 * time.Minute, Algorithm: "ES256",
			Claims: mustClaims(t, policy.DefaultClaims()),
		})
	}
	return p
}

func TestDecide_needsBothLayers(t *testing.T) {
	const api, other = "https://api.example.com", "https://other.example.com"
	for name, c := range map[string]struct {
		caller   *policy.Caller
		audience string
		empty    bool // AllowEmptyCapability
		want     error
		grant    string
	}{
		"a grant of tsiam's":           {caller: granted(t, tsiam, `{"allowedAudiences":["`+api+`"]}`), audience: api, grant: tsiam + "[0]"},
		"a grant of ours":              {caller: granted(t, policy.Capability, `{"allowedAudiences":["`+api+`"]}`), audience: api, grant: policy.Capability + "[0]"},
		"the second of two grants":     {caller: granted(t, tsiam, `{"allowedAudiences":["x"]}`, `{"allowedAudiences":["y","`+api+`"]}`), audience: api, grant: tsiam + "[1]"},
		"a grant behind an odd one":    {caller: granted(t, tsiam, `{"audiences":["x"]}`, `{"allowedAudiences":["`+api+`"]}`), audience: api, grant: tsiam + "[1]"},
		"granted, not in the list":     {caller: granted(t, tsiam, `{"allowedAudiences":["`+other+`"]}`), audience: other, want: policy.NotAllowed},
		"in the list, not granted":     {caller: granted(t, tsiam, `{"allowedAudiences":["`+other+`"]}`), audience: api, want: policy.NotPermitted},
		"another case":                 {caller: granted(t, tsiam, `{"allowedAudiences":["HTTPS://API.EXAMPLE.COM"]}`), audience: api, want: policy.NotPermitted},
		"no capability":                {caller: mustCaller(t, who(nil)), audience: api, want: policy.NotPermitted},
		"no capability, allowed":       {caller: mustCaller(t, who(nil)), audience: api, empty: true},
		"an empty capability":          {caller: granted(t, tsiam), audience: api, empty: true, want: policy.NotPermitted},
		"only odd grants":              {caller: granted(t, tsiam, `{"allowedAudience":["`+api+`"]}`), audience: api, empty: true, want: policy.NotPermitted},
		"another's capability":         {caller: granted(t, "example.com/cap/sts", `{"allowedAudiences":["`+api+`"]}`), audience: api, want: policy.NotPermitted},
		"a star of tsiam's is a star":  {caller: granted(t, tsiam, `{"allowedAudiences":["https://*.example.com"]}`), audience: api, want: policy.NotPermitted},
		"a star of ours is a wildcard": {caller: granted(t, policy.Capability, `{"allowedAudiences":["https://*.example.com"]}`), audience: api, grant: policy.Capability + "[0]"},
		"a stranger needs a grant":     {caller: stranger(t, nil), audience: api, empty: true, want: policy.NotPermitted},
		"a stranger with a grant":      {caller: stranger(t, tailcfg.PeerCapMap{tsiam: {`{"allowedAudiences":["` + api + `"]}`}}), audience: api, grant: tsiam + "[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			p := allowing(t, api)
			p.AllowEmptyCapability = c.empty
			d, err := p.Decide(c.caller, c.audience)
			if !errors.Is(err, c.want) || d.Grant != c.grant {
				t.Errorf("decided %+v, %v; want grant %q, %v", d, err, c.grant, c.want)
			}
			if err != nil && (d.Claims != nil || d.Subject != "" || d.Lifetime != 0) {
				t.Errorf("a refusal has %+v", d)
			}
		})
	}
}

// stranger is a node of another tailnet, to which this one is shared.
func stranger(t *testing.T, caps tailcfg.PeerCapMap) *policy.Caller {
	t.Helper()
	w := who(caps)
	w.Node.Hostinfo = (&tailcfg.Hostinfo{ShareeNode: true}).View()
	return mustCaller(t, w)
}

func TestDecide_takesTheFirstRuleThatMatches(t *testing.T) {
	p := allowing(t, "https://db.example.com", "https://*.example.com")
	p.Rules[0].Lifetime, p.Rules[0].Algorithm = time.Hour, "RS256"
	caller := granted(t, policy.Capability, `{"allowedAudiences":["https://*"]}`)
	for audience, want := range map[string]policy.Decision{
		"https://db.example.com":  {Rule: "https://db.example.com", Lifetime: time.Hour, Algorithm: "RS256"},
		"https://web.example.com": {Rule: "https://*.example.com", Lifetime: 5 * time.Minute, Algorithm: "ES256"},
	} {
		got, err := p.Decide(caller, audience)
		if err != nil || got.Rule != want.Rule || got.Lifetime != want.Lifetime || got.Algorithm != want.Algorithm {
			t.Errorf("%s: %+v, %v; want %+v", audience, got, err, want)
		}
	}
	if got := p.Longest(); got != time.Hour {
		t.Errorf("longest lifetime %v, want 1h", got)
	}
	if d := cmp.Diff([]string{"RS256", "ES256"}, p.Algorithms()); d != "" {
		t.Error(d)
	}
}

func TestDecide_takesTheSubjectFromWhereThePolicySays(t *testing.T) {
	const api = "https://api.example.com"
	shared := granted(t, tsiam, `{"allowedAudiences":["`+api+`"],"subject":"worker-fleet"}`)
	plain := granted(t, tsiam, `{"allowedAudiences":["`+api+`"]}`)
	template, err := policy.ParseTemplate("tailnet/{hostname}")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		subject  string
		caller   *policy.Caller
		template *policy.Template[*policy.Caller]
		want     string
	}{
		"the node's ID":                 {policy.SubjectNodeID, shared, nil, "nABC123CNTRL"},
		"its name":                      {policy.SubjectName, shared, nil, "web-1.tail10ca1.ts.net"},
		"the grant's":                   {policy.SubjectCapability, shared, nil, "worker-fleet"},
		"a grant without one":           {policy.SubjectCapability, plain, nil, "nABC123CNTRL"},
		"the rule's, before all others": {policy.SubjectCapability, shared, template, "tailnet/web-1"},
	} {
		p := allowing(t, api)
		p.Subject, p.Rules[0].Subject = c.subject, c.template
		if d, err := p.Decide(c.caller, api); err != nil || d.Subject != c.want {
			t.Errorf("%s: %q, %v; want %q", name, d.Subject, err, c.want)
		}
	}
}

func TestCallerOf_looksAtTheTagsBeforeTheUser(t *testing.T) {
	tagged := who(nil)
	tagged.UserProfile.LoginName = "alice@example.com" // who approved the tag; not whose node it is
	persons := who(nil)
	persons.Node.Tags = nil
	persons.UserProfile.LoginName = "alice@example.com"
	nobodys := who(nil)
	nobodys.Node.Tags, nobodys.UserProfile = nil, nil
	for name, c := range map[string]struct {
		who  *apitype.WhoIsResponse
		want string
	}{
		"tagged": {tagged, ""}, "a person's": {persons, "alice@example.com"}, "nobody's": {nobodys, ""},
	} {
		if got := mustCaller(t, c.who).User; got != c.want {
			t.Errorf("%s: user %q, want %q", name, got, c.want)
		}
	}
}

func TestCallerOf_refusesWhoeverHasNoID(t *testing.T) {
	for name, r := range map[string]*apitype.WhoIsResponse{
		"nothing": nil, "no node": {}, "no ID": {Node: &tailcfg.Node{Name: "web-1."}},
	} {
		if c, err := policy.CallerOf(r); err == nil {
			t.Errorf("%s: %+v", name, c)
		}
	}
}

func TestCallerOf_namesTheGrantsThatCannotBeUnderstood(t *testing.T) {
	for name, value := range map[string]string{
		"a misspelled key":   `{"allowedAudience":["x"]}`,
		"no object":          `["x"]`,
		"a text for a list":  `{"allowedAudiences":"x"}`,
		"cut off":            `{"allowedAudiences":["x"]`,
		"two values":         `{"allowedAudiences":["x"]} {}`,
		"an empty audience":  `{"allowedAudiences":[" "]}`,
		"a long audience":    `{"allowedAudiences":["` + strings.Repeat("x", 513) + `"]}`,
		"a long subject":     `{"allowedAudiences":["x"],"subject":"` + strings.Repeat("x", 256) + `"}`,
		"a subject of lines": `{"allowedAudiences":["x"],"subject":"a\nb"}`,
	} {
		c := granted(t, policy.Capability, value)
		if len(c.Grants) != 0 || len(c.Odd) != 1 || !c.Granted {
			t.Errorf("%s: %+v", name, c)
			continue
		}
		if text := c.Odd[0].Error(); !strings.Contains(text, policy.Capability+"[0]") {
			t.Errorf("%s: %q does not say which", name, text)
		}
	}
}

func TestClaims_showNothingOfTheCapabilities(t *testing.T) {
	const api = "https://api.example.com"
	w := who(tailcfg.PeerCapMap{
		tsiam:                    {`{"allowedAudiences":["` + api + `"]}`},
		"example.com/cap/secret": {`{"vault":"hunter2"}`},
	})
	d, err := allowing(t, api).Decide(mustCaller(t, w), api)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{tsiam: map[string]any{
		"nodeId": "nABC123CNTRL", "name": "web-1.tail10ca1.ts.net", "hostname": "web-1",
		"ip4": "100.64.0.7", "ip6": "fd7a:115c:a1e0::7", "tags": []string{"tag:web"},
	}}
	if diff := cmp.Diff(want, d.Claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if shown, _ := json.Marshal(d); strings.Contains(string(shown), "hunter2") {
		t.Errorf("the decision shows another grant: %s", shown)
	}
}

func TestClaims_areRenderedFromTemplates(t *testing.T) {
	raw := map[string]any{
		"host":   "{hostname}.example.com",
		"user":   "{userLoginName}", // nobody's: left out
		"person": "user:{userLoginName}",
		"all":    []any{"{ip4}", "{ip6}", "{userLoginName}"},
		"tags":   "{tags}",
		"env":    "production",
		"level":  3,
		"nested": map[string]any{"id": "{nodeId}", "ok": true},
	}
	p := allowing(t, "x")
	p.Rules[0].Claims = mustClaims(t, raw)
	d, err := p.Decide(granted(t, tsiam, `{"allowedAudiences":["x"]}`), "x")
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"host": "web-1.example.com", "person": "user:", "all": []any{"100.64.0.7", "fd7a:115c:a1e0::7"},
		"tags": []string{"tag:web"}, "env": "production", "level": 3,
		"nested": map[string]any{"id": "nABC123CNTRL", "ok": true},
	}
	if diff := cmp.Diff(want, d.Claims); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
}

func TestParseClaims_refusesWhatWouldMeanSomethingElse(t *testing.T) {
	for name, raw := range map[string]any{
		"an unknown field":      "{capMap}",
		"a brace":               "{nodeId",
		"another brace":         "nodeId}",
		"tags within a text":    "tags: {tags}",
		"nothing":               nil,
		"keys that are no text": map[any]any{1: "x"},
	} {
		if _, err := policy.ParseClaims(map[string]any{"claim": raw}); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	for _, name := range []string{"iss", "sub", "aud", "exp", "nbf", "iat", "jti"} {
		if _, err := policy.ParseClaims(map[string]any{name: "x"}); err == nil {
			t.Errorf("claim %q was accepted", name)
		}
	}
}

func TestPattern_aStarIsPlainCharactersOfOneSegment(t *testing.T) {
	for pattern, c := range map[string]struct{ yes, no []string }{
		"https://api.example.com": {[]string{"https://api.example.com"}, []string{"https://api.example.com/", "https://api.example.co", "HTTPS://api.example.com"}},
		"https://*.example.com":   {[]string{"https://a.example.com", "https://a.b.example.com", "https://DB-1.example.com", "https://a_b.example.com"}, []string{"https://evil.test/x.example.com", "https://a.example.com/x", "https://example.com"}},
		"*":                       {[]string{"sts.amazonaws.com", "a"}, []string{"https://x", "a/b", "", "*", "a*"}},
		"//iam/*/pools/*/x":       {[]string{"//iam/1/pools/2/x", "//iam//pools/2/x", "//iam/a..b/pools/.../x"}, []string{"//iam/1/2/pools/3/x", "//iam/1/pools/2/y", "//iam/../pools/2/x", "//iam/1/pools/./x"}},
		"https://a.test:8443/*":   {[]string{"https://a.test:8443/x", "https://a.test:8443/"}, []string{"https://a.test:8443/..", "https://a.test:8443/x?y", "https://a.test:8443/x#y", "https://a.test:8443/%2e%2e"}},
		"https://*":               {[]string{"https://a.test"}, []string{"https://a.test.", "https://.a.test", "https://a..test", "https://", "https://[::1]", "https://a.test:443"}},
		"a*a":                     {[]string{"aa", "aba", "aaa"}, []string{"a", "a/a"}},
		"*a*b*":                   {[]string{"ab", "xxaxxbxx"}, []string{"ba", "a/b"}},
		"a**b":                    {[]string{"ab", "axb"}, []string{"a/b"}},
	} {
		p := mustPattern(t, pattern)
		for want, texts := range map[bool][]string{true: c.yes, false: c.no} {
			for _, text := range texts {
				if got := p.Match(text); got != want {
					t.Errorf("%q matches %q: %v", pattern, text, got)
				}
			}
		}
	}
}

// Each of these ends in .example.com, and a verifier that parses it finds
// another host: by a URL's parts, as browsers read \ and %, after
// normalization of its letters, or by a resolver.
func TestPattern_ofAHostCoversNoOther(t *testing.T) {
	p := mustPattern(t, "https://*.example.com")
	for _, before := range []string{
		"evil.test/", "evil.test?x=", "evil.test#", "u@evil.test:1", "evil.test:443", `evil.test\`, "evil.test\n", "evil.test\x00", "evil.test\t", "evil.test ",
		"evil.test%2f", "evil.test%23", "[::1]", "[fe80::1%25x]", "evil.test\uff0f", "evil.test\u2044", "evil.test\u3002", "\u2100", "bücher", "evil.test\xff", "evil.test\u200b",
		"", ".", "a.", "a..b", ".a", "evil.test;", "evil.test,", "evil.test|", "evil.test^", "evil.test<", "evil.test\"", "evil.test'", "evil.test`", "evil.test&", "evil.test=", "evil.test~", "*",
		"evil.test\u00a0", "evil.test\u0085",
	} {
		if audience := "https://" + before + ".example.com"; p.Match(audience) {
			t.Errorf("it covers %q", audience)
		}
	}
	if !p.Match("https://xn--bcher-kva.example.com") {
		t.Error("it does not cover an international name as DNS has it")
	}
}

func TestPattern_aStarIsEachPlainCharacterAndNoOther(t *testing.T) {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	p := mustPattern(t, "a*b")
	for c := range 0x200 {
		if text := "a" + string(rune(c)) + "b"; p.Match(text) != strings.ContainsRune(plain, rune(c)) {
			t.Errorf("it matches %q: %v", text, p.Match(text))
		}
	}
}

// FuzzPattern holds the matcher against a regular expression.
func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{{"*a/*b", "a/a/b"}, {"*//*b", "///b"}, {"a*aa*a", "aaaa"}, {"*a/a*", "a/a/a"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := policy.ParsePattern(pattern)
		if err != nil || strings.Count(pattern, "*") > 8 || !utf8.ValidString(text) {
			t.Skip()
		}
		expression := strings.ReplaceAll(regexp.QuoteMeta(p.String()), `\*`, "[-._A-Za-z0-9]*")
		want := regexp.MustCompile(`^(?s:` + expression + `)$`).MatchString(text)
		if strings.Contains(p.String(), "*") {
			name := authority.FindStringSubmatch(text)
			want = want && labels.MatchString(name[1]+name[2]) && !dots.MatchString(text)
		}
		if got := p.Match(text); got != want {
			t.Errorf("%q matches %q: %v", pattern, text, got)
		}
	})
}

var (
	authority = regexp.MustCompile(`(?s)^(?:(?:[^/]*:)?//([^/]*)|([^/]*))`)
	labels    = regexp.MustCompile(`(?s)^[^.]+(\.[^.]+)*$`)
	dots      = regexp.MustCompile(`(?s)(^|/)\.\.?(/|$)`)
)
