//go:build linux

package e2e

import (
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// A daemon that is killed, as the kernel does when memory is short, restores
// nothing of the machine by itself.
func TestLeave_restoresWhatAKilledDaemonLeft(t *testing.T) {
	for _, arg := range []string{"--network=userspace", "--network=tun"} {
		t.Run(arg, func(t *testing.T) {
			before := network(t)
			w := newWorld(t, localtailnet.Options{})
			w.mustJoin(arg)
			w.killDaemon()
			if arg == "--network=tun" { // as tailscaled does for a local network beside an exit node
				mustRun(t, "ip", "route", "add", "throw", "10.9.8.0/24", "table", "52")
			}

			w.mustLeave()
			w.wantNothingLeft()
			if d := cmp.Diff(before, network(t)); d != "" {
				t.Errorf("the machine is not as it was (-before +after):\n%s", d)
			}
		})
	}
}

// chains are those of tailscaled, and the jumps to them.
var chains = regexp.MustCompile(`(?m)^.*\bts-.*$`)

func TestLeave_removesThePacketFilterOfAKilledDaemon(t *testing.T) {
	before := network(t)
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=tun", "--netfilter=on")
	if !chains.MatchString(network(t)["nft"]) {
		t.Fatal("the daemon made no chain: this test shows nothing")
	}
	w.killDaemon()

	w.mustLeave()
	w.wantNothingLeft()
	after := network(t)
	if left := chains.FindAllString(after["nft"], -1); left != nil {
		t.Errorf("left of the packet filter: %q", left)
	}
	delete(before, "nft") // iptables makes tables, and keeps them
	delete(after, "nft")
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", d)
	}
	mustRun(t, "nft", "flush", "ruleset")
}

// killDaemon kills the session's daemon and returns when it is gone.
func (w *world) killDaemon() {
	w.t.Helper()
	daemons := processesNamed(w.daemonName())
	if len(daemons) != 1 {
		w.t.Fatalf("%d daemons run, want 1", len(daemons))
	}
	if err := syscall.Kill(daemons[0], syscall.SIGKILL); err != nil {
		w.t.Fatal(err)
	}
	if !tailscaled.AwaitExit(daemons[0], 10*time.Second) {
		w.t.Fatal("the daemon does not end")
	}
}
