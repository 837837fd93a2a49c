//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// mustStandIn has the job use a script in the place of tailscaled.
func (w *world) mustStandIn(script string) {
	w.t.Helper()
	dir := filepath.Join(w.dir, "stand-in")
	if err := os.Mkdir(dir, 0o755); err != nil {
		w.t.Fatal(err)
	}
	script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 1.102.5 && exit\n" + script
	for _, name := range []string{"tailscaled", "tailscale"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o755); err != nil {
			w.t.Fatal(err)
		}
	}
	w.vars["TAILJOIN_TAILSCALE_PATH"] = dir
}

func TestJoin_daemonThatEndsAtOnce_isQuoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustStandIn("echo 'first words'\necho 'panic: no room' >&2\nexit 3\n")
	began := time.Now()
	w.mustFail("daemon-died", []string{"first words", "panic: no room"}, "--network=userspace")
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestJoin_daemonThatDiesDuringTheLogin_isNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.fault(localtailnet.OpRegister, localtailnet.Fault{Hang: true})
	join := w.begin("join", "--network=userspace")
	w.mustWait(func() bool { return len(w.events(localtailnet.OpRegister)) > 0 })
	w.killDaemon()
	got := join.end(10 * time.Second)
	if got.status != 1 || got.code() != "daemon-died" {
		t.Errorf("join ended with %d and %q, want 1 and daemon-died:\n%s", got.status, got.code(), got.text())
	}
}

// withoutTUN are commands that run a program where no interface can be made.
var withoutTUN = map[string][]string{
	"there is no /dev/net/tun":            {"unshare", "--mount", "sh", "-c", `mount -t tmpfs none /dev/net && exec "$0" "$@"`},
	"root lacks the capability NET_ADMIN": {"setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"},
}

func TestJoin_withoutTheRightToAnInterface_goesWithoutAndSaysWhy(t *testing.T) {
	for reason, limited := range withoutTUN {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{})
			got := w.runUnder(limited, "join")
			if got.status != 0 || w.outputs()["network"] != "userspace" {
				t.Errorf("join ended with %d and %v", got.status, w.outputs())
			}
			wantWords(t, got, reason)
			w.mustLeave()
			w.wantNothingLeft()
		})
	}
}

func TestJoin_withoutTheRightToAnInterface_failsIfOneIsAskedFor(t *testing.T) {
	for reason, limited := range withoutTUN {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{})
			got := w.runUnder(limited, "join", "--network=tun")
			if got.status != 1 || got.code() != "not-privileged" {
				t.Errorf("join ended with %d and %q, want 1 and not-privileged:\n%s", got.status, got.code(), got.text())
			}
			wantWords(t, got, reason, "/dev/net/tun", "NET_ADMIN")
			w.wantNothingLeft()
		})
	}
}

// runUnder runs tailjoin by another command, which limits it.
func (w *world) runUnder(limited []string, args ...string) finished {
	w.t.Helper()
	words := append(append(limited[1:len(limited):len(limited)], os.Getenv(tailjoin)), args...)
	return w.finish(w.command(limited[0], words...))
}
