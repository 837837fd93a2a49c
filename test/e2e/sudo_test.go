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

// runner is the user of a hosted runner's jobs: not root, but sudo asks for no
// password.
const runner = 1001

func mustMakeRunner(t *testing.T) {
	t.Helper()
	for file, line := range map[string]string{
		"/etc/passwd":         "runner:x:1001:1001::/tmp:/bin/sh\n",
		"/etc/group":          "runner:x:1001:\n",
		"/etc/shadow":         "runner:*:20000:0:99999:7:::\n",
		"/etc/sudoers.d/test": "runner ALL=(ALL) NOPASSWD: ALL\n",
	} {
		mustAppend(t, file, line)
	}
}

// mustAppend adds to a file until the test ends.
func mustAppend(t *testing.T, name, text string) {
	t.Helper()
	before, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	restore := func() { os.WriteFile(name, before, 0o644) }
	if err != nil {
		restore = func() { os.Remove(name) }
	}
	t.Cleanup(restore)
	if err := os.WriteFile(name, append(before, text...), 0o644); err != nil {
		t.Fatal(err)
	}
}

// giveToRunner makes the job that user's.
func (w *world) giveToRunner() {
	w.t.Helper()
	mustMakeRunner(w.t)
	w.giveTo(runner)
	w.vars["HOME"] = "/tmp"
}

var asRunner = []string{"setpriv", "--reuid=1001", "--regid=1001", "--clear-groups"}

func TestJoin_hostedRunner_getsAnInterfaceBySudo(t *testing.T) {
	needSudo(t)
	before := network(t)
	w := newWorld(t, localtailnet.Options{})
	w.mustPeer(localtailnet.PeerOptions{})
	w.giveToRunner()

	got := w.runUnder(asRunner, "join", "--wait-for=my-server:80")
	out := w.outputs()
	if got.status != 0 || out["network"] != "tun" {
		t.Fatalf("join ended with %d, %v:\n%s", got.status, out, got.text())
	}
	page, err := exec.Command("curl", "-sS", "--max-time", "10", "http://my-server/").CombinedOutput()
	if err != nil || !strings.Contains(string(page), "tag:ci") {
		t.Errorf("curl: %v\n%s", err, page)
	}
	as := func(words ...string) func(args ...string) string {
		return func(args ...string) string {
			return w.step(asRunner[0], append(append(asRunner[1:], words...), args...)...)
		}
	}
	w.wantCLI(as("tailscale"), out["ipv4"])
	w.wantCLI(as("sudo", "-n", "tailscale"), out["ipv4"])

	left := w.runUnder(asRunner, "leave")
	if left.status != 0 || strings.Contains(left.words, "::warning") {
		t.Errorf("leave ended with %d:\n%s", left.status, left.words)
	}
	w.wantNothingLeft()
	after := network(t)
	before["files"], after["files"] = "", "" // sudo notes in /run whom it knows
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", d)
	}
}
