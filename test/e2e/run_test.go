//go:build linux

package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// newRunWorld is a world whose commands run without a session of the job's: a
// run has its own.
func newRunWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Second})
	w.mustPeer(localtailnet.PeerOptions{})
	return w
}

// A ran is what a run left behind: its status, and its streams apart.
type ran struct {
	status     int
	out, words string
}

// tailjoinRun runs a command on the tailnet to its end.
func (w *world) tailjoinRun(flags []string, command ...string) ran {
	w.t.Helper()
	var out, words bytes.Buffer
	cmd := w.program(runArgs(flags, command...)...)
	cmd.Stdout, cmd.Stderr = &out, &words
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	return ran{cmd.ProcessState.ExitCode(), out.String(), words.String()}
}

func runArgs(flags []string, command ...string) []string {
	return append(append(append([]string{"run"}, flags...), "--"), command...)
}

// wantNoRunLeft fails if the run left a node, a key, a process or a file.
func (w *world) wantNoRunLeft() {
	w.t.Helper()
	w.wantNothingLeft()
	if left, _ := filepath.Glob(filepath.Join(w.dir, "run-*")); left != nil {
		w.t.Errorf("sessions are left: %v", left)
	}
	if left := processesOf(filepath.Join(w.dir, "run-")); left != nil {
		w.t.Errorf("processes are left: %v", left)
	}
}

var userspace = []string{"--network=userspace", "--wait-for=my-server:80"}

func TestRun_userspace_givesTheCommandTheProxiesAndLeaves(t *testing.T) {
	t.Parallel()
	w := newRunWorld(t)
	got := w.tailjoinRun(userspace, "sh", "-c", `
		curl -sS --max-time 10 http://my-server/
		curl -sS --max-time 10 --noproxy '' --proxy "$TAILJOIN_HTTP_PROXY" http://my-server/
		tailscale status | grep -o my-server | head -1
		env | grep -E '^(TAILJOIN_|[A-Za-z]*_(PROXY|proxy)=)'; echo words >&2`)
	if got.status != 0 || strings.Count(got.out, "Hello from my-server") != 2 || !strings.Contains(got.out, "\nmy-server\n") {
		t.Errorf("status %d, stdout:\n%s\nstderr:\n%s", got.status, got.out, got.words)
	}
	env := variables(got.out)
	proxy := env["TAILJOIN_HTTP_PROXY"]
	if !strings.HasPrefix(proxy, "http://127.0.0.1:") || env["HTTP_PROXY"] != proxy || env["https_proxy"] != proxy ||
		env["ALL_PROXY"] != env["TAILJOIN_SOCKS5_PROXY"] || env["NO_PROXY"] != "localhost,127.0.0.1,::1" {
		t.Errorf("proxies %v", env)
	}
	if !strings.HasPrefix(env["TAILJOIN_IPV4"], "100.") || env["TAILJOIN_NODE_NETWORK"] != "userspace" || env["TAILJOIN_NETWORK"] != "" {
		t.Errorf("outputs %v", env)
	}
	if !strings.Contains(got.words, "joined as ") || !strings.Contains(got.words, "\nwords\n") || !strings.Contains(got.words, "left the tailnet") {
		t.Errorf("stderr:\n%s", got.words)
	}
	w.wantNoRunLeft()
	if written := w.outputs(); len(written) > 0 {
		t.Errorf("later steps were told of a node that is gone: %v", written)
	}
}

func variables(text string) map[string]string {
	vars := map[string]string{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		vars[name] = value
	}
	return vars
}

func TestRun_tun_leavesTheMachineAsItWas(t *testing.T) {
	w := newRunWorld(t)
	before := network(t)
	got := w.tailjoinRun([]string{"--network=tun", "--wait-for=my-server:80"}, "sh", "-c", `curl -sS --max-time 10 http://my-server/; echo "proxy=$HTTP_PROXY"`)
	if got.status != 0 || !strings.Contains(got.out, "Hello from my-server") || !strings.Contains(got.out, "proxy=\n") {
		t.Errorf("status %d, stdout:\n%s\nstderr:\n%s", got.status, got.out, got.words)
	}
	w.wantNoRunLeft()
	if d := cmp.Diff(before, network(t)); d != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", d)
	}
}

func TestRun_endsAsTheCommandDoesAndLeaves(t *testing.T) {
	t.Parallel()
	w := newRunWorld(t)
	interpreted := filepath.Join(w.dir, "script")
	if err := os.WriteFile(interpreted, []byte("#!/no/such/interpreter\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		command []string
		want    int
	}{
		{"it fails", []string{"sh", "-c", "exit 7"}, 7},
		{"a signal ends it", []string{"sh", "-c", "kill -KILL $$"}, 137},
		{"it does not start after all", []string{interpreted}, 127},
	} {
		if got := w.tailjoinRun(userspace, c.command...); got.status != c.want || got.out != "" || !strings.Contains(got.words, "left the tailnet") {
			t.Errorf("%s: status %d, want %d; stdout %q, stderr:\n%s", c.name, got.status, c.want, got.out, got.words)
		}
		w.wantNoRunLeft()
	}
}

func TestRun_joinRefused_doesNotRunTheCommand(t *testing.T) {
	t.Parallel()
	w := newRunWorld(t)
	c := w.trust()
	c.Subject = "repo:other/*"
	w.AddCredential(c)
	ran := filepath.Join(w.dir, "ran")
	got := w.tailjoinRun(userspace, "touch", ran)
	if _, err := os.Stat(ran); got.status != 1 || !strings.Contains(got.words, "errors.md#wif-refused") || err == nil {
		t.Errorf("status %d, stderr:\n%s", got.status, got.words)
	}
	w.wantNoRunLeft()
}

func TestRun_signalledWhileTheCommandRuns_leaves(t *testing.T) {
	t.Parallel()
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGQUIT} {
		t.Run(sig.String(), func(t *testing.T) {
			t.Parallel()
			w := newRunWorld(t)
			pid := filepath.Join(w.dir, "pid")
			run := w.begin(runArgs(userspace, "sh", "-c", `echo $$ >$0; sleep 60; exit 0`, pid)...)
			command := w.mustPID(pid)
			run.signal(sig)
			if got := run.end(10 * time.Second); got.status != 128+int(sig) {
				t.Errorf("status %d, want %d:\n%s", got.status, 128+int(sig), got.text())
			}
			if syscall.Kill(command, 0) == nil {
				t.Errorf("the command still runs")
			}
			w.wantNoRunLeft()
		})
	}
}

func TestRun_signalledWhileItJoins_doesNotRunTheCommand(t *testing.T) {
	t.Parallel()
	for name, phase := range phases() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Second})
			phase.hold(w)
			ran := filepath.Join(w.dir, "ran")
			run := w.begin(runArgs([]string{"--network=userspace"}, "touch", ran)...)
			w.mustWait(func() bool { return phase.reached(w) })
			run.signal(syscall.SIGTERM)
			got := run.end(10 * time.Second)
			if got.status != 143 || got.code() != "cancelled" || exists(ran) {
				t.Errorf("status %d and %q, want 143 and cancelled:\n%s", got.status, got.code(), got.text())
			}
			phase.release(w)
			w.mustWait(func() bool { return len(w.jobNodes()) == 0 }) // control drops one that it never heard of again
			w.wantNoRunLeft()
		})
	}
}

// A signal during the leave is for what has ended already.
func TestRun_signalledWhileItLeaves_leavesNothing(t *testing.T) {
	t.Parallel()
	w := newRunWorld(t)
	w.fault(localtailnet.OpRegister, localtailnet.Fault{})
	run := w.begin(runArgs(userspace, "sh", "-c", "exit 3")...)
	w.mustWait(func() bool { return len(w.jobNodes()) > 0 })
	for range 40 {
		run.cmd.Process.Signal(syscall.SIGTERM) // it may come to its end meanwhile
		time.Sleep(5 * time.Millisecond)
	}
	got := run.end(10 * time.Second)
	if got.status != 3 && got.status != 143 {
		t.Errorf("status %d:\n%s", got.status, got.text())
	}
	w.wantNoRunLeft()
}

func TestRun_twoSideBySide_andBesideAJoin(t *testing.T) {
	t.Parallel()
	w := newRunWorld(t)
	joined := w.mustJoin("--network=userspace", "--wait-for=my-server:80")
	both := filepath.Join(w.dir, "both")
	// Each waits for the other before it asks.
	command := []string{"sh", "-c", `echo >>$0; while [ $(wc -l <$0) -lt 2 ]; do sleep 0.05; done; curl -sS --max-time 10 http://my-server/`, both}
	first, second := w.begin(runArgs(userspace, command...)...), w.begin(runArgs(userspace, command...)...)
	for _, run := range []*running{first, second} {
		if got := run.end(40 * time.Second); got.status != 0 || !strings.Contains(got.words, "Hello from my-server") {
			t.Errorf("status %d:\n%s", got.status, got.text())
		}
	}
	wantPage(t, "Hello from my-server", curl("--proxy", joined["socks5-proxy"], "http://my-server/")...)
	w.mustLeave()
	w.wantNoRunLeft()
}

func TestRun_killed_takesTheCommandAlong_andCanBeLeft(t *testing.T) {
	t.Parallel()
	w := newRunWorld(t)
	pid := filepath.Join(w.dir, "pid")
	run := w.begin(runArgs(append(userspace, "--session="+w.session), "sh", "-c", `echo $$ >$0; while :; do sleep 1; done`, pid)...)
	command := w.mustPID(pid)
	run.signal(syscall.SIGKILL)
	run.end(5 * time.Second)
	for deadline := time.Now().Add(5 * time.Second); syscall.Kill(command, 0) == nil; <-time.After(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the command still runs")
		}
	}
	w.mustLeave()
	w.wantNoRunLeft()
}

// Nobody may come to leave after a run that was killed. Only its directory is
// left then.
func TestRun_killed_isOffTheTailnetByItself(t *testing.T) {
	for _, network := range []string{"userspace", "tun"} {
		t.Run(network, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{}) // control would not drop the node for a long time
			w.leavesTheMachineAsItWas()
			pid := filepath.Join(w.dir, "pid")
			run := w.begin(runArgs([]string{"--network=" + network, "--session=" + w.session}, "sh", "-c", `echo $$ >$0; exec sleep 60`, pid)...)
			w.mustPID(pid)
			if len(w.jobNodes()) != 1 {
				t.Errorf("nodes %v", w.jobNodes())
			}
			run.signal(syscall.SIGKILL)
			run.end(5 * time.Second)
			w.mustWait(func() bool { return len(w.jobNodes()) == 0 })
			for deadline := time.Now().Add(5 * time.Second); processesOf(w.session) != nil && time.Now().Before(deadline); {
				time.Sleep(5 * time.Millisecond)
			}
			if left := processesOf(w.session); left != nil {
				t.Errorf("processes are left: %v", left)
			}
			w.mustLeave()
			w.wantNoRunLeft()
		})
	}
}

// A leave from elsewhere ends the run: it passes on what it is asked.
func TestLeave_whileACommandRuns_endsThat(t *testing.T) {
	t.Parallel()
	w := newRunWorld(t)
	pid := filepath.Join(w.dir, "pid")
	run := w.begin(runArgs(append(userspace, "--session="+w.session), "sh", "-c", `echo $$ >$0; sleep 60`, pid)...)
	w.mustPID(pid)
	if got := w.run("leave"); got.status != 0 {
		t.Errorf("leave ended with %d:\n%s", got.status, got.text())
	}
	if got := run.end(5 * time.Second); got.status != 143 {
		t.Errorf("status %d, want 143:\n%s", got.status, got.text())
	}
	w.wantNoRunLeft()
}

// mustPID waits for a command to write its number.
func (w *world) mustPID(path string) (pid int) {
	w.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); <-time.After(5 * time.Millisecond) {
		raw, _ := os.ReadFile(path) // not there yet
		if pid, err := strconv.Atoi(strings.TrimSpace(string(raw))); err == nil {
			return pid
		}
	}
	w.t.Fatal("the command did not start")
	return 0
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
