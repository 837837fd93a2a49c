//go:build unix

package localtailnet

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"tailscale.com/ipn"
	"tailscale.com/tailcfg"
)

func mustPeer(t *testing.T, tn *Tailnet, o PeerOptions) *Peer {
	t.Helper()
	p, err := tn.StartPeer(deadline(t), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPeer_isReachedByNameAndSaysWhoAsked(t *testing.T) {
	t.Parallel()
	tn := start(t, Options{})
	p := mustPeer(t, tn, PeerOptions{})
	d := mustJoin(t, tn, ciKey)
	for _, name := range []string{"my-server", p.Name, p.IP.String()} {
		page := d.get(t, "http://"+name+"/")
		if !strings.Contains(page, "You are ci-1.tail10ca1.ts.net, tag:ci.") {
			t.Errorf("http://%s/ says %q", name, page)
		}
	}
}

func TestPeer_staysKnownWhenItStops(t *testing.T) {
	t.Parallel()
	tn := start(t, Options{EphemeralTimeout: time.Millisecond})
	mustPeer(t, tn, PeerOptions{}).Close()
	until(t, tn, "the peer is offline", func() bool { return !tn.Nodes()[0].Online })
}

func TestPeer_namesAreUnique(t *testing.T) {
	t.Parallel()
	tn := start(t, Options{})
	var names []string
	for range 3 {
		names = append(names, mustPeer(t, tn, PeerOptions{Hostname: "db"}).Name)
	}
	want := []string{"db.tail10ca1.ts.net", "db-1.tail10ca1.ts.net", "db-2.tail10ca1.ts.net"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPeer_isAnExitNodeOnceApproved(t *testing.T) {
	t.Parallel()
	for approve, want := range map[bool]string{true: "", false: "not advertising"} {
		tn := start(t, Options{AutoApproveRoutes: approve})
		mustPeer(t, tn, PeerOptions{ExitNode: true})
		d := mustJoin(t, tn, ciKey)
		until(t, tn, "the peer advertises", func() bool { return len(tn.Nodes()[0].Routes) == 2 })
		status, err := d.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		prefs := ipn.NewPrefs()
		err = prefs.SetExitNodeIP("my-server", status)
		if want != "" {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("not approved: got %v, want %q", err, want)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.EditPrefs(t.Context(), &ipn.MaskedPrefs{Prefs: *prefs, ExitNodeIPSet: true}); err != nil {
			t.Fatal(err)
		}
		if page := d.get(t, "http://198.51.100.80/"); !strings.Contains(page, "198.51.100.80:80") {
			t.Errorf("got %q, want the peer's answer for 198.51.100.80", page)
		}
	}
}

func TestPeer_routesASubnetOnceApproved(t *testing.T) {
	t.Parallel()
	tn := start(t, Options{AutoApproveRoutes: true})
	mustPeer(t, tn, PeerOptions{Routes: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}})
	d := mustJoin(t, tn, ciKey)
	if _, err := d.EditPrefs(t.Context(), &ipn.MaskedPrefs{Prefs: ipn.Prefs{RouteAll: true}, RouteAllSet: true}); err != nil {
		t.Fatal(err)
	}
	if page := d.get(t, "http://10.9.1.2/"); !strings.Contains(page, "10.9.1.2:80") {
		t.Errorf("got %q, want the peer's answer for 10.9.1.2", page)
	}
}

func TestGrants_areSeenInWhoIs(t *testing.T) {
	t.Parallel()
	const deploy = "example.com/cap/deploy"
	tn := start(t, Options{Grants: func(src, dst Node) tailcfg.PeerCapMap {
		if !strings.HasPrefix(src.Name, "ci-1.") {
			return nil
		}
		return tailcfg.PeerCapMap{deploy: {`{"env":"staging"}`}}
	}})
	p := mustPeer(t, tn, PeerOptions{})
	d := mustJoin(t, tn, ciKey)
	d.get(t, "http://my-server/") // so that the peer knows the node
	who, err := p.lc.WhoIs(deadline(t), tn.Nodes()[1].IPs[0].String())
	if err != nil {
		t.Fatal(err)
	}
	got, err := tailcfg.UnmarshalCapJSON[map[string]string](who.CapMap, deploy)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]map[string]string{{"env": "staging"}}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The small daemon has no LocalAPI for it; a peer has.
func TestNodeToken_isVerifiedByWhoeverGetsIt(t *testing.T) {
	t.Parallel()
	tn := start(t, Options{})
	p := mustPeer(t, tn, PeerOptions{})
	answer, err := p.lc.IDToken(deadline(t), "sts.example.com")
	if err != nil {
		t.Fatal(err)
	}
	f := Federation{
		Issuer: tn.ControlURL, Subject: p.Name, Audience: "sts.example.com",
		Claims: map[string]string{"node": p.Name, "tailnet": "tailjoin.example", "nid": "1"},
	}
	if err := f.Verify(t.Context(), nil, answer.IDToken, time.Now()); err != nil {
		t.Error(err)
	}
}
