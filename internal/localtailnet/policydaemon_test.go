//go:build unix

package localtailnet

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"tailscale.com/tailcfg"
)

// Both ends are real: a tailscaled and a tsnet server, each with the filter
// that it was sent.
func TestPolicy_decidesWhatARealNodeReaches(t *testing.T) {
	t.Parallel()
	tn := start(t, Options{})
	p := mustPeer(t, tn, PeerOptions{})
	d := mustJoin(t, tn, ciKey)
	ci := tn.Nodes()[1].IPs[0]

	d.get(t, "http://my-server/") // under the policy of a new tailnet
	for _, step := range []struct {
		policy  string
		reaches bool
	}{
		{open("81"), false},
		{open("80"), true},
		{`{"acls": []}`, false},
		{defaultPolicy, true},
	} {
		if err := policyClient(t, tn).Set(t.Context(), step.policy, ""); err != nil {
			t.Fatal(err)
		}
		took := awaitFilter(t, tn, p)
		if got := d.reaches("http://my-server/"); got != step.reaches {
			t.Errorf("under %s: reaches the server: %t", step.policy, got)
		}
		if got := tn.Allows(ci, p.IP, 6, 80); got != step.reaches {
			t.Errorf("under %s: Allows says %t", step.policy, got)
		}
		t.Logf("the server had the new filter after %v", took)
	}
}

// Capabilities of the policy's grants reach WhoIs, and go with them.
func TestPolicy_grantsCapabilities(t *testing.T) {
	t.Parallel()
	tn := start(t, Options{})
	p := mustPeer(t, tn, PeerOptions{})
	d := mustJoin(t, tn, ciKey)
	d.get(t, "http://my-server/") // so that the peer knows the node
	for policy, want := range map[string][]map[string]string{open("80"): {{"port": "80"}}, `{}`: nil} {
		if err := tn.SetPolicy(policy); err != nil {
			t.Fatal(err)
		}
		awaitFilter(t, tn, p)
		who, err := p.lc.WhoIs(deadline(t), tn.Nodes()[1].IPs[0].String())
		if err != nil {
			t.Fatal(err)
		}
		got, err := tailcfg.UnmarshalCapJSON[map[string]string](who.CapMap, "example.com/cap/at")
		if d := cmp.Diff(want, got); err != nil || d != "" {
			t.Errorf("%v (-want +got):\n%s", err, d)
		}
	}
}

// awaitFilter returns when the peer has the filter that the tailnet has for it.
func awaitFilter(t *testing.T, tn *Tailnet, p *Peer) time.Duration {
	t.Helper()
	var want []byte
	tn.state.read(func() {
		n := tn.state.node(func(n *node) bool { return strings.TrimSuffix(n.Name, ".") == p.Name })
		want, _ = json.Marshal(tn.packetFilter(n))
	})
	began := time.Now()
	for ctx := deadline(t); ctx.Err() == nil; {
		got, err := p.lc.DebugPacketFilterRules(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if rules, _ := json.Marshal(append([]tailcfg.FilterRule{}, got...)); string(rules) == string(want) {
			return time.Since(began)
		}
	}
	t.Fatalf("the peer does not get the filter %s", want)
	return 0
}

// reaches reports whether a page is served. Who is not let in gets no answer,
// so it gives up after a while; all else takes milliseconds.
func (d *daemon) reaches(page string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return false
	}
	proxy := http.ProxyURL(&url.URL{Scheme: "socks5h", Host: d.socks})
	resp, err := (&http.Transport{Proxy: proxy, DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
