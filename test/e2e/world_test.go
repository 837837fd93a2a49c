//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// clientID is the client ID of the trust credential that lets in every test's job.
const clientID = "Ttest-CNTRL"

// A world is a tailnet and the job that a test runs on it.
type world struct {
	*localtailnet.Tailnet
	t       *testing.T
	dir     string // of everything the job writes
	session string
	vars    map[string]string
	under   []string // the command that runs tailjoin, as another user for one; mostly none
	self    string   // tailjoin, as the job calls it
	cached  string   // RUNNER_TOOL_CACHE, as the test sees it
	root    string   // of the job's machine, as the test sees it; "" is the test's own
	user    int      // who makes the session directory; -1 is the owner of the directory around it
	look    func(traces map[string]string)
}

// newWorld starts a tailnet whose credential trusts the job.
func newWorld(t *testing.T, opts localtailnet.Options) *world {
	t.Helper()
	// A test's context ends before its clean-up, which needs the tailnet.
	tailnet, err := localtailnet.Start(context.WithoutCancel(t.Context()), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tailnet.Close)
	tailnet.AddCredential(localtailnet.Credential{
		ClientID: clientID, Issuer: tailnet.IssuerURL, Subject: "repo:*",
		Scopes: []string{"auth_keys", "devices:core"}, Tags: []string{"tag:ci"},
	})
	w := &world{Tailnet: tailnet, t: t, dir: shortDir(t), vars: map[string]string{}, user: -1, look: func(map[string]string) {}}
	w.session, w.self, w.cached = filepath.Join(w.dir, "session"), os.Getenv(tailjoin), filepath.Join(w.dir, "cache")
	for _, entry := range append(tailnet.Env(), w.environment()...) {
		name, value, _ := strings.Cut(entry, "=")
		w.vars[name] = value
	}
	t.Cleanup(func() {
		w.run("leave")
		if target, err := os.Readlink("/usr/local/bin/tailscale"); err == nil && strings.HasPrefix(target, w.dir) {
			t.Errorf("/usr/local/bin/tailscale still leads to %s", target)
		}
	})
	return w
}

// shortDir is a directory whose path is short enough for a Unix socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "e2e-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func (w *world) environment() []string {
	for _, file := range []string{"output", "path", "summary"} {
		if err := os.WriteFile(filepath.Join(w.dir, file), nil, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"RUNNER_TEMP=" + w.dir, "RUNNER_TOOL_CACHE=" + filepath.Join(w.dir, "cache"),
		"GITHUB_OUTPUT=" + filepath.Join(w.dir, "output"), "GITHUB_PATH=" + filepath.Join(w.dir, "path"),
		"GITHUB_STEP_SUMMARY=" + filepath.Join(w.dir, "summary"),
		"TAILJOIN_OAUTH_CLIENT_ID=" + clientID, "TAILJOIN_TAGS=tag:ci", "TAILJOIN_SESSION=" + w.session,
		daemonInput(), "TAILJOIN_TIMEOUT=40s",
		"TS_NO_LOGS_NO_SUPPORT=true", "TS_DISABLE_PORTMAPPER=1", "TS_ASSUME_NETWORK_UP_FOR_TEST=1",
	}
}

// daemonInput says where the job's tailscaled is.
func daemonInput() string {
	if files := os.Getenv(releaseFiles); files != "" {
		return "TAILJOIN_BUNDLE=" + files
	}
	return "TAILJOIN_TAILSCALE_PATH=" + filepath.Dir(os.Getenv(daemon))
}

// command is a process of the job, not started yet.
func (w *world) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	for name, value := range w.vars {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	return cmd
}

// program is tailjoin as the job runs it.
func (w *world) program(args ...string) *exec.Cmd {
	words := slices.Concat(w.under, []string{w.self}, args)
	return w.command(words[0], words[1:]...)
}

// A finished process is what is known of it afterwards.
type finished struct {
	status int
	words  string // both streams
}

// run runs tailjoin to its end.
func (w *world) run(args ...string) finished {
	w.t.Helper()
	return w.finish(w.program(args...))
}

// finish runs a process to its end.
func (w *world) finish(cmd *exec.Cmd) finished {
	w.t.Helper()
	words, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	return finished{cmd.ProcessState.ExitCode(), string(words)}
}

// mustJoin joins and returns the outputs of the step.
func (w *world) mustJoin(args ...string) map[string]string {
	w.t.Helper()
	if got := w.run(append([]string{"join"}, args...)...); got.status != 0 {
		w.t.Fatalf("join ended with %d:\n%s", got.status, got.words)
	}
	return w.outputs()
}

func (w *world) mustLeave() {
	w.t.Helper()
	if got := w.run("leave"); got.status != 0 || strings.Contains(got.words, "::warning") {
		w.t.Fatalf("leave ended with %d:\n%s", got.status, got.words)
	}
}

// outputs reads GITHUB_OUTPUT: NAME<<DELIMITER, value, DELIMITER.
func (w *world) outputs() map[string]string {
	w.t.Helper()
	raw, err := os.ReadFile(filepath.Join(w.dir, "output"))
	if err != nil {
		w.t.Fatal(err)
	}
	values := map[string]string{}
	lines := strings.Split(string(raw), "\n")
	for i := 0; i+2 < len(lines); i += 3 {
		name, _, _ := strings.Cut(lines[i], "<<")
		values[name] = lines[i+1]
	}
	return values
}

// inside is a path as the job has it.
func (w *world) inside(path string) string { return strings.TrimPrefix(path, w.root) }

// daemonName is the argv[0] of the session's daemon.
func (w *world) daemonName() string { return filepath.Join(w.inside(w.session), "tailscaled") }

// wantNothingLeft fails unless the job left no trace: no node, no unused key,
// no process, no file.
func (w *world) wantNothingLeft() {
	w.t.Helper()
	if nodes := w.jobNodes(); len(nodes) > 0 {
		w.t.Errorf("nodes are left: %v", nodes)
	}
	for _, key := range w.Keys() {
		if key.Usable(time.Now()) {
			w.t.Errorf("an unused key is left: %+v", key)
		}
	}
	if left := processesOf(w.session); len(left) > 0 {
		w.t.Errorf("processes are left: %v", left)
	}
	if _, err := os.Lstat(w.session); !os.IsNotExist(err) {
		w.t.Errorf("the session directory is left: %v", err)
	}
}

// jobNodes are the names of the nodes that carry the job's tag.
func (w *world) jobNodes() (names []string) {
	for _, node := range w.Nodes() {
		if slices.Contains(node.Tags, "tag:ci") {
			names = append(names, node.Name)
		}
	}
	return names
}

// processesOf are the command lines that name a directory.
func processesOf(dir string) (lines []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if line := string(bytes.ReplaceAll(raw, []byte{0}, []byte(" "))); err == nil && strings.Contains(line, dir) {
			lines = append(lines, line)
		}
	}
	return lines
}

// mustPeer puts a machine on the tailnet that the job wants to reach.
func (w *world) mustPeer(o localtailnet.PeerOptions) *localtailnet.Peer {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	peer, err := w.StartPeer(ctx, o)
	if err != nil {
		w.t.Fatal(err)
	}
	return peer
}

func decode[T any](t *testing.T, raw string) (value T) {
	t.Helper()
	if err := json.Unmarshal([]byte(raw), &value); err != nil {
		t.Fatalf("decoding %q: %v", raw, err)
	}
	return value
}

// mustWait waits until the tailnet is as wanted.
func (w *world) mustWait(cond func() bool) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	if err := w.WaitFor(ctx, cond); err != nil {
		w.t.Fatalf("waiting for the tailnet: %v", err)
	}
}
