//go:build linux

package e2e

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

func TestJoin_twoTailnetsInOneJob_leftInReverseOrder(t *testing.T) {
	before := network(t)
	first, second := newWorld(t, localtailnet.Options{}), newWorld(t, localtailnet.Options{Domain: "tail2.ts.net"})
	first.mustPeer(localtailnet.PeerOptions{Hostname: "one"})
	second.mustPeer(localtailnet.PeerOptions{Hostname: "two"})
	a := first.mustJoin("--wait-for=one:80")
	b := second.mustJoin("--wait-for=two:80")

	if a["network"] != "tun" || b["network"] != "userspace" {
		t.Errorf("networks %s and %s, want tun and userspace", a["network"], b["network"])
	}
	if want := filepath.Join(second.session, "state", "s"); b["socket"] != want {
		t.Errorf("socket %s, want %s", b["socket"], want)
	}
	wantPage(t, "Hello from one", curl("http://one/")...)
	wantPage(t, "Hello from two", curl("--proxy", b["socks5-proxy"], "http://two/")...)

	second.mustLeave()
	second.wantNothingLeft()
	wantPage(t, "Hello from one", curl("http://one/")...)
	first.mustLeave()
	first.wantNothingLeft()
	if d := cmp.Diff(before, network(t)); d != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", d)
	}
}

func TestJoin_twoTailnetsInOneJob_bothWithoutAnInterface(t *testing.T) {
	t.Parallel()
	first, second := newWorld(t, localtailnet.Options{}), newWorld(t, localtailnet.Options{})
	first.mustPeer(localtailnet.PeerOptions{Hostname: "one"})
	second.mustPeer(localtailnet.PeerOptions{Hostname: "two"})
	a := first.mustJoin("--network=userspace", "--wait-for=one:80")
	b := second.mustJoin("--network=userspace", "--wait-for=two:80")
	wantPage(t, "Hello from one", curl("--proxy", a["http-proxy"], "http://one/")...)
	wantPage(t, "Hello from two", curl("--proxy", b["http-proxy"], "http://two/")...)
	second.mustLeave()
	first.mustLeave()
	second.wantNothingLeft()
	first.wantNothingLeft()
}

func TestJoin_sameSessionTwice_isRefusedAndKeepsTheFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{})
	out := w.mustJoin("--network=userspace", "--wait-for=my-server:80")
	requests := len(w.events(localtailnet.OpExchange))

	got := w.run("join", "--network=userspace")
	if got.status != 1 || got.code() != "session-exists" {
		t.Errorf("join ended with %d and %q, want 1 and session-exists:\n%s", got.status, got.code(), got.text())
	}
	wantWords(t, got, w.session, "tailjoin leave")
	if n := len(w.events(localtailnet.OpExchange)); n != requests {
		t.Errorf("the second join asked for %d tokens", n-requests)
	}
	wantPage(t, "Hello from my-server", curl("--proxy", out["socks5-proxy"], "http://my-server/")...)
	w.mustLeave()
	w.wantNothingLeft()
}

func TestJoin_twoAtTheSameTime_shareOutTheInterface(t *testing.T) {
	before := network(t)
	worlds := []*world{newWorld(t, localtailnet.Options{}), newWorld(t, localtailnet.Options{Domain: "tail2.ts.net"})}
	var joins []*running
	for _, w := range worlds {
		w.mustPeer(localtailnet.PeerOptions{})
		joins = append(joins, w.begin("join"))
	}
	got := map[string]int{}
	for i, join := range joins {
		if end := join.end(30 * time.Second); end.status != 0 {
			t.Errorf("join ended with %d:\n%s", end.status, end.text())
		}
		got[worlds[i].outputs()["network"]]++
	}
	if d := cmp.Diff(map[string]int{"tun": 1, "userspace": 1}, got); d != "" {
		t.Errorf("networks (-want +got):\n%s", d)
	}
	for _, w := range worlds {
		w.mustLeave()
		w.wantNothingLeft()
	}
	if d := cmp.Diff(before, network(t)); d != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", d)
	}
}
