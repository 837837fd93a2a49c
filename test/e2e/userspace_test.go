//go:build linux

package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

func TestJoin_userspace_reachesAPeerByItsProxiesAndLeavesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{})
	out := w.mustJoin("--network=userspace", "--ping=my-server", "--wait-for=my-server:80")

	for _, proxy := range []string{out["socks5-proxy"], out["http-proxy"]} {
		page, err := exec.Command("curl", "-sS", "--max-time", "10", "--proxy", proxy, "http://my-server/").CombinedOutput()
		if err != nil || !strings.Contains(string(page), "tag:ci") {
			t.Errorf("by %s: %v\n%s", proxy, err, page)
		}
	}
	t.Logf("milliseconds: %s", out["milliseconds"])
	w.mustLeave()
	w.wantNothingLeft()
}
