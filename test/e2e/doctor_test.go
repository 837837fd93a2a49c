//go:build linux

package e2e

import (
	"cmp"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// examined is what a doctor reported.
type examined struct {
	finished
	checks map[string]string // result, finding and hint by check
}

// examine runs a doctor, which must end with this status.
func (w *world) examine(status int, args ...string) examined {
	w.t.Helper()
	cmd := w.program(append([]string{"doctor", "--output=json"}, args...)...)
	var words strings.Builder
	cmd.Stderr = &words
	out, err := cmd.Output()
	if err != nil && cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	e := examined{finished{cmd.ProcessState.ExitCode(), words.String() + string(out)}, map[string]string{}}
	if e.status != status {
		w.t.Fatalf("doctor ended with %d, want %d:\n%s", e.status, status, e.text())
	}
	report := decode[struct {
		Checks []struct{ Check, Result, Finding, Hint string }
	}](w.t, string(out))
	for _, c := range report.Checks {
		e.checks[c.Check] = c.Result + ": " + c.Finding + "\n" + c.Hint
	}
	return e
}

// want fails unless a check has this result, and says this.
func (e examined) want(t *testing.T, check, result, says string) {
	t.Helper()
	got := e.checks[check]
	if !strings.HasPrefix(got, result+": ") || !strings.Contains(got, says) {
		t.Errorf("%s: %q; want %s, and %q said", check, cmp.Or(got, "no such check"), result, says)
	}
}

func TestDoctor_ofAJobThatCanJoin_findsNothingAndLeavesNothing(t *testing.T) {
	w := newWorld(t, localtailnet.Options{Latency: 5 * time.Millisecond})
	w.vars["RUNNER_DEBUG"] = "1"
	before, events := w.traces(), len(w.Events())
	witness := w.watchMachine()
	e := w.examine(0, "--network=tun")
	witness.end()

	for _, check := range []string{"clock", "api", "control", "derp", "proxy", "id-token", "exchange", "keys", "devices", "tun", "sudo"} {
		e.want(t, check, "ok", "")
	}
	e.want(t, "network", "ok", "a join gets a network interface")
	e.want(t, "services", "note", "GET /tailnet/-/services: 403")
	if d := gocmp.Diff(before, w.traces()); d != "" {
		t.Errorf("something is left (-before +after):\n%s", d)
	}
	for _, leak := range witness.leaks() {
		t.Error(leak)
	}
	w.wantNotPrinted(e.text())
	for _, event := range w.Events()[events:] {
		if event.Op == localtailnet.OpRegister || event.Op == localtailnet.OpMap {
			t.Errorf("a doctor has no node: %+v", event)
		}
	}
	w.mustJoin("--network=tun")
	w.mustLeave()
}

// machines are what a job may find itself on, by the command that runs it, and
// what keeps a join from a network interface there.
var machines = map[string]struct {
	under     []string
	tun, says string
}{
	"no device":                     {[]string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /dev/net && exec "$0" "$@"`}, "note", "there is no /dev/net/tun"},
	"no driver":                     {[]string{"unshare", "-m", "sh", "-c", `mount -t tmpfs none /dev/net && mknod /dev/net/tun c 10 254 && exec "$0" "$@"`}, "note", "/dev/net/tun is of no use"},
	"a container without NET_ADMIN": {[]string{"setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin"}, "note", "root lacks the capability NET_ADMIN"},
	"nobody":                        {asNobody, "ok", "not root, and sudo does not let us be"},
}

func TestDoctor_ofAMachineWithoutAnInterface_saysWhyAsAJoinDoes(t *testing.T) {
	for name, m := range machines {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{})
			if name == "nobody" {
				w.giveTo(65534)
			}
			w.under = m.under
			e := w.examine(0)
			e.want(t, "tun", m.tun, "")
			e.want(t, "network", "warning", m.says)
			e.want(t, "network", "warning", "socks5-proxy")

			wanted := w.examine(1, "--network=tun")
			wanted.want(t, "network", "failed", m.says)
			if wanted.code() != "checks-failed" {
				t.Errorf("the code %q", wanted.code())
			}
			got := w.run("join", "--network=tun")
			if got.status != 1 || got.code() != "not-privileged" || !strings.Contains(got.text(), m.says) {
				t.Errorf("a join ended with %d and %q, want 1, not-privileged and %q:\n%s", got.status, got.code(), m.says, got.text())
			}
		})
	}
}

func TestDoctor_ofAHostedRunner_speaksOfSudo(t *testing.T) {
	needSudo(t)
	w := newWorld(t, localtailnet.Options{})
	w.giveToRunner()
	w.under = asRunner
	e := w.examine(0, "--network=tun")
	e.want(t, "sudo", "ok", "asks for no password")
	e.want(t, "network", "ok", "by sudo")

	mustAppend(t, "/etc/sudoers.d/test", "runner ALL=(ALL) PASSWD: ALL\n")
	e = w.examine(0)
	e.want(t, "sudo", "note", "a password is required")
	e.want(t, "network", "warning", "a password is required")
}

func TestDoctor_besideTheHostsTailscaled_leavesItAlone(t *testing.T) {
	for name, start := range hosts {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{})
			h := start(w)
			before := h.state()
			e := w.examine(0)
			e.want(t, "tailscaled", "note", "1.102.5 runs on this machine: Running, with"+map[string]string{"tun": " ", "userspace": "out "}[name]+"a network interface")
			e.want(t, "network", "warning", "a tailscaled runs on this machine")
			h.wantUntouched(before, "a doctor")
		})
	}
}

func TestDoctor_besideASocketThatNobodyServes(t *testing.T) {
	if err := os.MkdirAll("/run/tailscale", 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll("/run/tailscale") })
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: "/run/tailscale/tailscaled.sock"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	w := newWorld(t, localtailnet.Options{})
	e := w.examine(0)
	e.want(t, "tailscaled", "warning", "connection refused")
	e.want(t, "network", "ok", "")
}

func TestDoctor_ofAMachineThatResolvesNothing(t *testing.T) {
	if out, err := exec.Command("cp", "/etc/resolv.conf", "/etc/resolv.conf.kept").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	t.Cleanup(func() { exec.Command("mv", "/etc/resolv.conf.kept", "/etc/resolv.conf").Run() })
	for resolver, hint := range map[string]string{"127.0.0.1": "see the resolver", "100.100.100.100": "tailscaled --cleanup"} {
		t.Run(resolver, func(t *testing.T) {
			if err := os.WriteFile("/etc/resolv.conf", []byte("nameserver "+resolver+"\noptions timeout:1 attempts:1\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, localtailnet.Options{})
			w.vars["TAILJOIN_API_URL"] = w.vars["TAILJOIN_LOGIN_SERVER"]
			w.vars["TAILJOIN_LOGIN_SERVER"] = "https://control.example.com"
			e := w.examine(1)
			e.want(t, "dns", "failed", "control.example.com is not resolved by "+resolver)
			e.want(t, "dns", "failed", hint)
			e.want(t, "control", "failed", "https://control.example.com: ")
			e.want(t, "exchange", "ok", "")

			w.vars["HTTPS_PROXY"] = "http://127.0.0.1:1"
			e = w.examine(1)
			e.want(t, "dns", "warning", "control.example.com")
			e.want(t, "proxy", "failed", "HTTPS_PROXY: nobody answers at 127.0.0.1:1")
		})
	}
}

// A server that accepts and never answers costs no more than the limit.
func TestDoctor_isBoundedInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w.vars["TAILJOIN_LOGIN_SERVER"] = "http://" + l.Addr().String()
	began := time.Now()
	e := w.examine(1, "--limit=2s")
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("took %v", took)
	}
	for _, check := range []string{"api", "control", "exchange"} {
		e.want(t, check, "failed", "no answer in time")
	}
	if e.code() != "checks-failed" {
		t.Errorf("words: %s", e.text())
	}
}
