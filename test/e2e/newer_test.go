//go:build linux

package e2e

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

// A job may ask for a newer Tailscale than the bundled one.
func TestJoin_byANewerTailscaled(t *testing.T) {
	daemon, version, err := build.Newer(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, network := range []string{"userspace", "tun"} {
		for name, end := range map[string]func(*world){
			"left":                     (*world).mustLeave,
			"left after a killed join": func(w *world) { w.killDaemon(); w.mustLeave() },
		} {
			t.Run(network+", "+name, func(t *testing.T) {
				w := newWorld(t, localtailnet.Options{})
				w.vars["TAILJOIN_TAILSCALE_PATH"] = filepath.Dir(daemon)
				w.mustPeer(localtailnet.PeerOptions{})
				before := w.traces()
				began := time.Now()
				out := w.mustJoin("--network="+network, "--wait-for=my-server:80", "--ping=my-server")
				t.Logf("joined in %v", time.Since(began))
				if out["version"] != version {
					t.Errorf("the output version is %q, want %q", out["version"], version)
				}
				for command, want := range map[string]string{"version": version, "status": "my-server"} {
					if got := w.step("tailscale", command); !strings.Contains(got, want) {
						t.Errorf("tailscale %s: %q lacks %q", command, got, want)
					}
				}
				end(w)
				w.wantNothingLeft()
				if d := cmp.Diff(before, w.traces()); d != "" {
					t.Errorf("something is left (-before +after):\n%s", d)
				}
			})
		}
	}
}
