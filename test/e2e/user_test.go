//go:build linux

package e2e

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// asNobody runs a command as the user that may do nothing.
var asNobody = []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"}

func TestJoin_aUserWithoutAnyRight_joinsAndLeaves(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{})
	w.giveTo(65534)
	w.under = asNobody
	before := w.traces()
	out := w.mustJoin("--wait-for=my-server:80")
	if out["network"] != "userspace" {
		t.Errorf("network %s, want userspace", out["network"])
	}
	w.mustLeave()
	if d := cmp.Diff(before, w.traces()); d != "" {
		t.Errorf("something is left (-before +after):\n%s", d)
	}
}

// giveTo makes the job a user's.
func (w *world) giveTo(user int) {
	w.t.Helper()
	err := filepath.WalkDir(w.dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, user, user)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestJoin_sudoThatAsksForAPassword_goesWithoutAnInterfaceAndSaysWhy(t *testing.T) {
	needSudo(t)
	w := newWorld(t, localtailnet.Options{})
	mustMakeRunner(t)
	mustAppend(t, "/etc/sudoers.d/test", "runner ALL=(ALL) PASSWD: ALL\n")
	w.giveTo(runner)
	w.under = asRunner
	got := w.run("join")
	if got.status != 0 || w.outputs()["network"] != "userspace" {
		t.Errorf("join ended with %d and %v:\n%s", got.status, w.outputs(), got.text())
	}
	wantWords(t, got, "a password is required")
	w.mustLeave()
	w.wantNothingLeft()
}

// circumstances are what one runner gives to a job and another does not. No
// test's job has a HOME.
var circumstances = map[string][]string{
	"a session of its own":     {"setsid", "--wait"},
	"no standard input":        {"sh", "-c", `exec "$0" "$@" <&-`},
	"no controlling job":       {"sh", "-c", `"$0" "$@" & wait $!`},
	"a directory that is gone": {"sh", "-c", `mkdir /tmp/gone && cd /tmp/gone && rmdir /tmp/gone && exec "$0" "$@"`},
	"an open umask":            {"sh", "-c", `umask 0; exec "$0" "$@"`},
	"a narrow umask":           {"sh", "-c", `umask 077; exec "$0" "$@"`},
	"signals ignored":          {"sh", "-c", `trap "" INT TERM HUP PIPE CHLD; exec "$0" "$@"`},
}

func TestJoin_inAnyCircumstances(t *testing.T) {
	bundled := bundle(t)
	for name, under := range circumstances {
		for _, network := range []string{"userspace", "tun"} {
			t.Run(name+", "+network, func(t *testing.T) {
				w := newWorld(t, localtailnet.Options{})
				w.under = under
				w.emptyCache()
				before := w.traces()
				w.mustJoin("--network="+network, "--tailscale-path=", "--bundle="+bundled)
				w.wantPrivate()
				w.mustLeave()
				if d := cmp.Diff(before, w.traces()); d != "" {
					t.Errorf("something is left (-before +after):\n%s", d)
				}
			})
		}
	}
}
