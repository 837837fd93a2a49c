//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

func TestJoin_inputsThatEvaluateToNothing_wereNotGiven(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	for _, input := range []string{
		"AUTHKEY", "OAUTH_SECRET", "AUDIENCE", "HOSTNAME", "PING", "WAIT_FOR", "EXIT_NODE", "ACCEPT_ROUTES", "ACCEPT_DNS",
		"NETWORK", "NETFILTER", "ARGS", "TAILSCALED_ARGS", "STATEDIR", "API_URL", "VERSION", "SHA256SUM", "INSTALL", "MIRROR",
		"USE_CACHE", "LOG_MODE", "RETRY", "EXPECTED_TAILNET",
	} {
		w.vars["TAILJOIN_"+input] = ""
	}
	out := w.mustJoin("--network=userspace")
	if out["hostname"] != "github-web-7000000001-1-deploy" {
		t.Errorf("hostname %q", out["hostname"])
	}
}

func TestJoin_args_areFlagsOfTailscaleUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{})
	delete(w.vars, "TAILJOIN_LOGIN_SERVER")
	w.mustJoin("--network=userspace", "--ping=my-server",
		"--args=--login-server="+w.ControlURL+" --accept-routes --hostname 'from-args' --shields-up --timeout=1m --reset")
	prefs := decode[struct {
		Hostname             string
		RouteAll, ShieldsUp  bool
		ControlURL           string
		AdvertiseTags        []string
		WantRunning, CorpDNS bool
	}](t, w.step("tailscale", "debug", "prefs"))
	if prefs.Hostname != "from-args" || !prefs.RouteAll || !prefs.ShieldsUp || prefs.ControlURL != w.ControlURL || !slices.Equal(prefs.AdvertiseTags, []string{"tag:ci"}) {
		t.Errorf("preferences %+v", prefs)
	}
	w.mustLeave()
	w.wantNothingLeft()
}

func TestJoin_tailscaledArgs_areFlagsOfTailscaled(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{})
	out := w.mustJoin("--tailscaled-args=--tun=userspace-networking --socks5-server=localhost:1055", "--wait-for=my-server:80")
	want := map[string]string{"network": "userspace", "socks5-proxy": "socks5h://localhost:1055"}
	got := map[string]string{"network": out["network"], "socks5-proxy": out["socks5-proxy"]}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("outputs (-want +got):\n%s", d)
	}
	for _, proxy := range []string{"socks5h://localhost:1055", out["http-proxy"]} {
		wantPage(t, "Hello from my-server", curl("--proxy", proxy, "http://my-server/")...)
	}
	w.mustLeave()
	w.wantNothingLeft()
}

func TestJoin_underANameThatIsTaken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{Hostname: "runner"})
	out := w.mustJoin("--network=userspace", "--hostname=runner")
	if out["hostname"] != "runner-1" || out["name"] != "runner-1.tail10ca1.ts.net" {
		t.Errorf("hostname %q, name %q", out["hostname"], out["name"])
	}
}

func TestJoin_statedir_keepsTheNodesKeyAndLeaveRemovesTheNode(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	dir := filepath.Join(w.dir, "kept")
	for range 2 {
		w.mustJoin("--network=userspace", "--statedir="+dir)
		w.mustLeave()
		w.wantNothingLeft()
		state, err := os.ReadFile(filepath.Join(dir, "tailscaled.state"))
		if err != nil || !strings.Contains(string(state), "_machinekey") {
			t.Errorf("the state is not kept: %v\n%s", err, state)
		}
	}
}

func TestJoin_statedir_ofAJobThatWasLost(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Minute})
	w.mustPeer(localtailnet.PeerOptions{})
	dir := filepath.Join(w.dir, "kept")
	before := w.mustJoin("--network=userspace", "--statedir="+dir)
	w.killDaemon()
	w.session = filepath.Join(w.dir, "next")
	w.vars["TAILJOIN_SESSION"] = w.session

	after := w.mustJoin("--network=userspace", "--statedir="+dir, "--ping=my-server")
	if before["node-id"] != after["node-id"] {
		t.Errorf("the node was %s and is %s", before["node-id"], after["node-id"])
	}
	w.mustLeave()
	w.wantNothingLeft()
}
