//go:build linux

package action

import (
	"path/filepath"
	"strings"
	"testing"
)

// The workflow self-test asks scripts/self-test on each machine whether the join is as it should be. Here it is asked on this
// one, after joins of both networks, and each time for the other network too, which it has to deny.
func TestSelfTest_tellsTheNetworksApart(t *testing.T) {
	ours := releaseOf(t, program("dist"))
	for network, other := range map[string]string{"tun": "userspace", "userspace": "tun"} {
		t.Run(network, func(t *testing.T) {
			w := newWorld(t)
			ask := func(wanted string) string {
				return `NETWORK=` + network + ` ADDRESS=${{ steps.tailnet.outputs.ipv4 }} sh scripts/self-test ` + wanted
			}
			got := job{
				steps: []string{
					checkout,
					uses("tailnet", ours, strings.Replace(w.with(), "}", ", network: "+network+" }", 1)),
					runs(ask(network)),
					runs("! " + ask(other)),
					runs("! " + strings.Replace(ask(other), "NETWORK="+network, "NETWORK="+other, 1)),
				},
				actions: []action{ours},
				env:     w.env(),
				others:  map[string]string{"scripts/self-test": readFile(t, filepath.Join(root, "scripts/self-test"))},
			}.run(t)

			if got.exit != 0 || !strings.Contains(got.log, "self-test: "+network+" works, with 100.") || strings.Contains(got.log, "self-test: "+other+" works") {
				t.Errorf("act's exit status: got %d, want 0\n%s", got.exit, got.log)
			}
			w.wantNothingLeft(got)
		})
	}
}
