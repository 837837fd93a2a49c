//go:build unix

package main

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// trade exchanges a token at a service.
func (c *caller) trade(t *testing.T, service, token, audience string) (status int, answer map[string]any) {
	t.Helper()
	res, err := c.PostForm(service+"/oauth/token", url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"}, "audience": {audience},
		"subject_token": {token}, "subject_token_type": {"urn:ietf:params:oauth:token-type:id_token"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil && res.StatusCode != http.StatusMethodNotAllowed {
		t.Fatalf("%s: %v", res.Status, err)
	}
	return res.StatusCode, answer
}

// trusting is a configuration that trusts the local GitHub's jobs of acme/web.
func trusting(tn *localtailnet.Tailnet) string {
	return plain + `
exchange:
  trust:
    - issuer: ` + tn.IssuerURL + `
      subject: repo:acme/web:*:refs/heads/main
      allowedAudiences: [https://api.example.com]
      claims: { repository: "{repository}" }
`
}

// A job shows the ID token that GitHub gave it: which node it is on does not
// matter, and gives it nothing.
func TestServe_exchangesAJobsIDToken(t *testing.T) {
	t.Parallel()
	tn := tailnet(t, localtailnet.Options{Grants: grants})
	nothing := join(t, tn, "nothing", "tag:web")
	s := serve(t, tn, t.TempDir(), trusting(tn), mintKey(tn, "tag:tsiam"))
	id, err := tn.Issuer().Mint(s.url, nil)
	if err != nil {
		t.Fatal(err)
	}
	status, answer := nothing.trade(t, s.url, id, "https://api.example.com")
	if status != http.StatusOK {
		t.Fatalf("%d %v", status, answer)
	}
	ctx := oidc.ClientContext(deadline(t), nothing.Client)
	provider, err := oidc.NewProvider(ctx, s.url)
	if err != nil {
		t.Fatal(err)
	}
	token, err := provider.Verifier(&oidc.Config{ClientID: "https://api.example.com"}).Verify(ctx, answer["access_token"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if want := tn.IssuerURL + "|repo:acme/web:ref:refs/heads/main"; token.Subject != want {
		t.Errorf("the subject is %s, want %s", token.Subject, want)
	}
	if status, answer := nothing.trade(t, s.url, id, "sts.amazonaws.com"); status != http.StatusBadRequest || answer["error"] != "invalid_target" {
		t.Errorf("another audience: %d %v", status, answer)
	}
	if a := nothing.ask(t, s.url, "https://api.example.com"); a.code != "audience_not_permitted" {
		t.Errorf("as the node: %+v", a)
	}
	wantLine(t, s, `"event":"exchange","outcome":"issued"`, `"name":"nothing.tail10ca1.ts.net"`, `"sub":"repo:acme/web:ref:refs/heads/main"`, `"verified":true`, `"grant":"exchange.trust[0]"`)
	if strings.Contains(s.audit.String()+s.log.String(), strings.Split(id, ".")[2]) {
		t.Error("an ID token is in the audit or the log")
	}
}

// wantLine wants a line of the audit that has all of these.
func wantLine(t *testing.T, s *service, parts ...string) {
	t.Helper()
	for line := range strings.Lines(s.audit.String()) {
		found := true
		for _, part := range parts {
			found = found && strings.Contains(line, part)
		}
		if found {
			return
		}
	}
	t.Errorf("no line of the audit has %v:\n%s", parts, s.audit)
}

func TestServe_exchangesByFunnelOnlyIfThatIsWanted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		setting string
		status  int
	}{"not wanted": {"", http.StatusMethodNotAllowed}, "wanted": {"  funnel: true\n", http.StatusOK}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tn := tailnet(t, localtailnet.Options{Grants: ingress, Funnel: true})
			relay := relayAt(t, tn)
			pool, server := certificate(t, "tsiam.tail10ca1.ts.net")
			config := strings.Replace(trusting(tn), "server: {tls: off, burst: 500}\n", server+"tsnet: {funnel: true}\n", 1)
			s := serve(t, tn, t.TempDir(), config+c.setting, mintKey(tn, "tag:tsiam"))
			public := &caller{Client: &http.Client{Transport: &http.Transport{
				DialContext: relay.dial(t, tn, s.name), TLSClientConfig: &tls.Config{RootCAs: pool},
			}}}
			id, err := tn.Issuer().Mint(s.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			if status, answer := public.trade(t, s.url, id, "https://api.example.com"); status != c.status {
				t.Errorf("%d %v", status, answer)
			}
			if c.status == http.StatusOK {
				wantLine(t, s, `"remote":"203.0.113.9:4711"`, `"outcome":"issued"`)
			}
			if res, err := public.Post(s.url+"/token?resource=https://api.example.com", "", nil); err != nil || res.StatusCode != http.StatusMethodNotAllowed {
				t.Errorf("/token by Funnel: %v, %v", res, err)
			}
		})
	}
}
