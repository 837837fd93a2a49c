//go:build unix

package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
	"tailscale.com/tailcfg"
)

// plain is a configuration without TLS: nobody issues certificates here.
const plain = `
server: {tls: off, burst: 500}
tokens:
  allowedAudiences: [https://api.example.com, sts.amazonaws.com, "https://*.internal.example.com"]
  subjectClaim: capability
`

// grants are what a policy file could say, by the caller's first name.
func grants(src, dst localtailnet.Node) tailcfg.PeerCapMap {
	name, _, _ := strings.Cut(src.Name, ".")
	if !strings.HasPrefix(dst.Name, "tsiam.") {
		return nil
	}
	return map[string]tailcfg.PeerCapMap{
		"web":     {"italypaleale.me/tsiam": {`{"allowedAudiences":["https://api.example.com"]}`}},
		"db":      {policy.Capability: {`{"allowedAudiences":["sts.amazonaws.com","https://*.internal.example.com"],"subject":"databases"}`}},
		"laptop":  {policy.Capability: {`{"allowedAudiences":["https://api.example.com"]}`}},
		"crooked": {policy.Capability: {`{"audiences":["https://api.example.com"]}`}},
	}[name]
}

func TestServe_givesEachNodeWhatItsGrantAllowsAndNothingElse(t *testing.T) {
	t.Parallel()
	tn := tailnet(t, localtailnet.Options{Grants: grants})
	callers := map[string]*caller{
		"web": join(t, tn, "web", "tag:web"), "db": join(t, tn, "db", "tag:db"), "laptop": join(t, tn, "laptop"),
		"crooked": join(t, tn, "crooked", "tag:web"), "nothing": join(t, tn, "nothing", "tag:web"),
	}
	s := serve(t, tn, t.TempDir(), plain, mintKey(tn, "tag:tsiam"))
	ids := map[string]string{}
	for _, n := range tn.Nodes() {
		ids[strings.TrimSuffix(n.Name, ".tail10ca1.ts.net")] = n.ID
	}
	audiences := []string{"https://api.example.com", "sts.amazonaws.com", "https://x.internal.example.com", "https://x/y.internal.example.com", "https://evil.test"}
	const yes, no, unlisted = "", "audience_not_permitted", "audience_not_allowed"
	for name, want := range map[string][]string{
		"web": {yes, no, no, unlisted, unlisted}, "db": {no, yes, yes, unlisted, unlisted}, "laptop": {yes, no, no, unlisted, unlisted},
		"crooked": {no, no, no, unlisted, unlisted}, "nothing": {no, no, no, unlisted, unlisted},
	} {
		for i, audience := range audiences {
			a := callers[name].ask(t, s.url, audience)
			if a.code != want[i] || (a.token != "") != (want[i] == yes) {
				t.Errorf("%s asks for %s: %d %s, want %q", name, audience, a.status, a.code, want[i])
			}
			if a.token != "" {
				wantIdentity(t, callers[name], s.url, audience, a.token, name, ids[name])
			}
		}
	}
	if log := s.log.String(); !strings.Contains(log, `unknown field \"audiences\"`) {
		t.Error("the log does not name the grant that cannot be understood")
	}
	if lines := strings.Count(s.audit.String(), "\n"); lines != len(callers)*len(audiences) {
		t.Errorf("the audit has %d lines, want %d", lines, len(callers)*len(audiences))
	}
}

// wantIdentity has an independent verifier read a token, by discovery over the
// tailnet.
func wantIdentity(t *testing.T, c *caller, issuer, audience, token, name, id string) {
	t.Helper()
	ctx := oidc.ClientContext(deadline(t), c.Client)
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		t.Fatal(err)
	}
	verified, err := provider.Verifier(&oidc.Config{ClientID: audience}).Verify(ctx, token)
	if err != nil {
		t.Errorf("%s's token for %s: %v", name, audience, err)
		return
	}
	var claims map[string]json.RawMessage
	if err := verified.Claims(&claims); err != nil {
		t.Fatal(err)
	}
	var node struct {
		NodeID, Name, UserLoginName string
		IP4                         string `json:"ip4"`
		Tags                        []string
	}
	if err := json.Unmarshal(claims["italypaleale.me/tsiam"], &node); err != nil {
		t.Fatal(err)
	}
	type identity struct{ sub, id, name, ip, user, tags string }
	want := map[string]identity{
		"web":    {id, id, "web.tail10ca1.ts.net", c.IP.String(), "", "tag:web"},
		"db":     {"databases", id, "db.tail10ca1.ts.net", c.IP.String(), "", "tag:db"},
		"laptop": {id, id, "laptop.tail10ca1.ts.net", c.IP.String(), "owner@tailjoin.example", ""},
	}[name]
	got := identity{verified.Subject, node.NodeID, node.Name, node.IP4, node.UserLoginName, strings.Join(node.Tags, ",")}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(identity{})); d != "" {
		t.Errorf("%s's token (-want +got):\n%s", name, d)
	}
	if strings.Contains(string(claims["italypaleale.me/tsiam"]), "allowedAudiences") {
		t.Errorf("%s's token shows its grants: %s", name, claims["italypaleale.me/tsiam"])
	}
}

func TestServe_isTheSameNodeAgainWithoutAnotherKey(t *testing.T) {
	t.Parallel()
	tn := tailnet(t, localtailnet.Options{Grants: grants})
	web := join(t, tn, "web", "tag:web")
	dir := t.TempDir()
	first := serve(t, tn, dir, plain, mintKey(tn, "tag:tsiam"))
	before := web.ask(t, first.url, "https://api.example.com")
	first.stop()
	web.CloseIdleConnections() // the node may be gone before it could say that it closes them
	nodes, keys := tn.Nodes(), tn.Keys()

	second := serve(t, tn, dir, plain)
	if second.url != first.url {
		t.Errorf("the issuer is %s now, and was %s", second.url, first.url)
	}
	after := web.ask(t, second.url, "https://api.example.com")
	for name, a := range map[string]answer{"before": before, "after": after} {
		if a.token == "" {
			t.Fatalf("%s it was started again: %d %s", name, a.status, a.code)
		}
		wantIdentity(t, web, second.url, "https://api.example.com", a.token, "web", nodes[0].ID)
	}
	if now := tn.Nodes(); len(now) != len(nodes) || len(tn.Keys()) != len(keys) {
		t.Errorf("%d nodes and %d keys, want %d and %d", len(now), len(tn.Keys()), len(nodes), len(keys))
	}
}

func TestServe_rotatesWhileItServes(t *testing.T) {
	t.Parallel()
	tn := tailnet(t, localtailnet.Options{Grants: grants})
	web := join(t, tn, "web", "tag:web")
	s := serve(t, tn, t.TempDir(), plain, mintKey(tn, "tag:tsiam"))
	ctx := oidc.ClientContext(t.Context(), web.Client)
	provider, err := oidc.NewProvider(ctx, s.url)
	if err != nil {
		t.Fatal(err)
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: "https://api.example.com"})
	kids := map[string]bool{}
	var tokens []string
	run(t, s, "keys", "rotate", "--force")
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(patience); len(kids) < 2 && time.Now().Before(end); <-again.C {
		a := web.ask(t, s.url, "https://api.example.com")
		if a.code == "rate_limited" {
			continue
		}
		if _, err := verifier.Verify(ctx, a.token); err != nil {
			t.Fatalf("a new token: %v", err)
		}
		tokens = append(tokens, a.token)
		kids[strings.Split(a.token, ".")[0]] = true
	}
	if len(kids) != 2 {
		t.Errorf("%d keys signed, want the second to take over", len(kids))
	}
	for _, token := range tokens {
		if _, err := verifier.Verify(ctx, token); err != nil {
			t.Fatalf("an old token: %v", err)
		}
	}
}

func TestServe_hasNoPagesForDebugging(t *testing.T) {
	t.Parallel()
	tn := tailnet(t, localtailnet.Options{})
	web := join(t, tn, "web", "tag:web")
	ops := "127.0.0.1:" + freePort(t)
	s := serve(t, tn, t.TempDir(), strings.Replace(plain, "tls: off", "tls: off, opsListen: '"+ops+"'", 1), mintKey(tn, "tag:tsiam"))
	here := &caller{Client: http.DefaultClient}
	for path, want := range map[string]int{"/metrics": 200, "/readyz": 200, "/debug/pprof/": 404, "/token": 404, "/.well-known/jwks.json": 404} {
		if status, body := here.get(t, "http://"+ops+path); status != want {
			t.Errorf("GET %s at the address for operators: %d %s", path, status, body)
		}
	}
	for _, path := range []string{"/debug/pprof/", "/debug/vars", "/metrics"} {
		if status, _ := web.get(t, s.url+path); status != http.StatusNotFound {
			t.Errorf("GET %s: %d", path, status)
		}
	}
	for path, want := range map[string]int{"/": 200, "/healthz": 204, "/readyz": 200} {
		if status, body := web.get(t, s.url+path); status != want {
			t.Errorf("GET %s: %d %s", path, status, body)
		}
	}
}
