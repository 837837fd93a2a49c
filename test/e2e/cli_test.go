//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// step runs a command as a later step of the job does: with the PATH that the
// join has added to. It returns what the command printed.
func (w *world) step(name string, args ...string) string {
	w.t.Helper()
	added, err := os.ReadFile(filepath.Join(w.dir, "path"))
	if err != nil {
		w.t.Fatal(err)
	}
	path := w.vars["PATH"]
	for line := range strings.Lines(string(added)) {
		if filepath.IsAbs(line) { // and not the delimiter of an entry
			path = strings.TrimSpace(line) + ":" + path
		}
	}
	out, err := exec.Command("env", append([]string{"PATH=" + path, name}, args...)...).CombinedOutput()
	if err != nil {
		w.t.Errorf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// wantCLI fails unless `tailscale` does what scripts use it for.
func (w *world) wantCLI(run func(args ...string) string, ipv4 string) {
	w.t.Helper()
	for _, c := range []struct{ args, want string }{
		{"status", "my-server"},
		{"status --json", `"BackendState": "Running"`},
		{"ip -4", ipv4},
		{"ping --until-direct=false -c 1 my-server", "pong from my-server"},
		{"set --shields-up=true", ""},
		{"set --hostname=renamed", ""},
		{"version", "1.102.5"},
	} {
		if got := run(strings.Fields(c.args)...); !strings.Contains(got, c.want) {
			w.t.Errorf("tailscale %s: %q lacks %q", c.args, got, c.want)
		}
	}
}

func TestJoin_tun_tailscaleIsOnThePathWithTheDefaultSocket(t *testing.T) {
	before := network(t)
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{})
	out := w.mustJoin("--network=tun")

	w.wantCLI(func(args ...string) string { return w.step("tailscale", args...) }, out["ipv4"])
	if _, err := exec.LookPath("sudo"); err == nil {
		w.wantCLI(func(args ...string) string { return w.step("sudo", append([]string{"-n", "tailscale"}, args...)...) }, out["ipv4"])
	} else {
		t.Log("`sudo tailscale` was not tried: sudo is not installed (apt-get install sudo)")
	}
	if out["socket"] != "/var/run/tailscale/tailscaled.sock" {
		t.Errorf("socket %q", out["socket"])
	}
	w.mustLeave()
	w.wantNothingLeft()
	if d := cmp.Diff(before, network(t)); d != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", d)
	}
}

func TestJoin_userspace_tailscaleIsOnThePathOfLaterSteps(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{})
	out := w.mustJoin("--network=userspace")
	w.wantCLI(func(args ...string) string { return w.step("tailscale", args...) }, out["ipv4"])
	w.mustLeave()
	w.wantNothingLeft()
}

func TestLeave_afterAStepThatLoggedOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=userspace")
	w.step("tailscale", "logout")
	if nodes := w.jobNodes(); len(nodes) > 0 {
		t.Errorf("nodes are left after tailscale logout: %v", nodes)
	}
	w.mustLeave()
	w.wantNothingLeft()
}

func TestJoin_userspace_tailscaleOfAMachineWhoseDaemonIsOffSpeaksToOurs(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{})
	installed := filepath.Dir(w.vars["TAILJOIN_TAILSCALE_PATH"] + "/")
	delete(w.vars, "TAILJOIN_TAILSCALE_PATH")
	w.vars["PATH"] = installed + ":" + w.vars["PATH"]
	out := w.mustJoin("--network=userspace")
	w.wantCLI(func(args ...string) string { return w.step("tailscale", args...) }, out["ipv4"])
	w.mustLeave()
	w.wantNothingLeft()
}
