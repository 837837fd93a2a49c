//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// network is all that a daemon could have changed of this machine.
func network(t *testing.T) map[string]string {
	t.Helper()
	resolv, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		t.Fatal(err)
	}
	state := map[string]string{"resolv.conf": string(resolv)}
	for name, command := range map[string]string{
		"links": "ip -o link", "addresses": "ip -o addr", "rules": "ip rule; ip -6 rule",
		"routes": "ip route show table all; ip -6 route show table all", "nft": "nft -s list ruleset 2>&1",
		"files": "ls -R /run /usr/local/bin; ls /etc",
	} {
		out, err := exec.Command("sh", "-c", command).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		state[name] = string(out)
	}
	return state
}

func TestJoin_tun_givesEveryProcessTheTailnetAndLeavesTheMachineAsItWas(t *testing.T) {
	before := network(t)
	w := newWorld(t, localtailnet.Options{})
	peer := w.mustPeer(localtailnet.PeerOptions{})
	out := w.mustJoin("--network=tun", "--wait-for=my-server:80")
	t.Logf("milliseconds: %s", out["milliseconds"])

	for _, url := range []string{"http://my-server/", "http://" + peer.Name + "/", "http://" + peer.IP.String() + "/"} {
		page, err := exec.Command("curl", "-sS", "--max-time", "10", url).CombinedOutput()
		if err != nil || !strings.Contains(string(page), "tag:ci") {
			t.Errorf("%s: %v\n%s", url, err, page)
		}
	}
	if status, err := exec.Command("tailscale", "status").CombinedOutput(); err != nil || !strings.Contains(string(status), "my-server") {
		t.Errorf("tailscale status: %v\n%s", err, status)
	}
	if out["network"] != "tun" || out["socks5-proxy"] != "" {
		t.Errorf("outputs %v", out)
	}

	w.mustLeave()
	w.wantNothingLeft()
	if d := cmp.Diff(before, network(t)); d != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", d)
	}
}
