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

// Without a record the daemon is known by its name and owner only. Where root
// cannot be had the session stays for the next leave.
func TestLeave_ofAGarbledRecord_endsRootsDaemonBySudo(t *testing.T) {
	needSudo(t)
	before := network(t)
	w := newWorld(t, localtailnet.Options{})
	w.giveToRunner()
	if got := w.runUnder(asRunner, "join"); got.status != 0 || w.outputs()["network"] != "tun" {
		t.Fatalf("join ended with %d, %v:\n%s", got.status, w.outputs(), got.text())
	}
	record := filepath.Join(w.session, "session.jsonl")
	if err := os.WriteFile(record, []byte("garbled"), 0o600); err != nil {
		t.Fatal(err)
	}
	const rule, away = "/etc/sudoers.d/test", "/etc/sudoers.d/test~" // a name that sudo does not read
	if err := os.Rename(rule, away); err != nil {
		t.Fatal(err)
	}
	refused := w.runUnder(asRunner, "leave")
	wantWords(t, refused, "record was changed", "running as root")
	if _, err := os.Lstat(record); err != nil || len(processesOf(w.session)) == 0 {
		t.Errorf("the session of a daemon that runs is gone: %v", err)
	}
	if err := os.Rename(away, rule); err != nil {
		t.Fatal(err)
	}
	left := w.runUnder(asRunner, "leave")
	wantWords(t, left, "record was changed")
	w.mustWait(func() bool { return len(w.jobNodes()) == 0 })
	w.wantNothingLeft()
	after := network(t)
	before["files"], after["files"] = "", "" // sudo notes in /run whom it knows
	if d := cmp.Diff(before, after); d != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", d)
	}
}
