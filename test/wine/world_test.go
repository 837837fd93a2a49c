//go:build linux

package wine

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/test/wine/machine"
)

// clientID is the client ID of the trust credential that lets in every test's job.
const clientID = "Ttest-CNTRL"

// A world is a tailnet and a job of GitHub on a Windows machine.
type world struct {
	*localtailnet.Tailnet
	*machine.Machine
	t       *testing.T
	temp    string // RUNNER_TEMP
	session string
	vars    map[string]string
}

// mustMachine makes a machine, or skips the test where there can be none.
func mustMachine(t *testing.T) *machine.Machine {
	t.Helper()
	if why := machine.Missing(); why != "" {
		t.Skip(why)
	}
	dir := t.TempDir()
	m, err := machine.New(dir)
	if err == nil {
		err = m.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// newWorld starts a tailnet, and a machine on which the runner's temporary directory has this path.
func newWorld(t *testing.T, temp string) *world {
	t.Helper()
	m := mustMachine(t)
	// A test's context ends before its clean-up, which needs the tailnet.
	tailnet, err := localtailnet.Start(context.WithoutCancel(t.Context()), localtailnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tailnet.Close)
	tailnet.AddCredential(localtailnet.Credential{
		ClientID: clientID, Issuer: tailnet.IssuerURL, Subject: "repo:*",
		Scopes: []string{"auth_keys", "devices:core"}, Tags: []string{"tag:ci"},
	})
	w := &world{Tailnet: tailnet, Machine: m, t: t, temp: temp, session: temp + `\session`, vars: map[string]string{}}
	if err := os.MkdirAll(w.File(temp), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"output", "path", "env", "summary"} {
		w.write(temp+`\`+file, "")
	}
	for _, entry := range append(tailnet.Env(), w.environment()...) {
		name, value, _ := strings.Cut(entry, "=")
		w.vars[name] = value
	}
	return w
}

func (w *world) environment() []string {
	return []string{
		"RUNNER_TEMP=" + w.temp, "RUNNER_TOOL_CACHE=" + `C:\hosted tools`,
		"GITHUB_OUTPUT=" + w.temp + `\output`, "GITHUB_PATH=" + w.temp + `\path`, "GITHUB_ENV=" + w.temp + `\env`, "GITHUB_STEP_SUMMARY=" + w.temp + `\summary`,
		"TAILJOIN_OAUTH_CLIENT_ID=" + clientID, "TAILJOIN_TAGS=tag:ci", "TAILJOIN_SESSION=" + w.session,
		"TAILJOIN_TIMEOUT=40s",
		"TS_NO_LOGS_NO_SUPPORT=true", "TS_DISABLE_PORTMAPPER=1", "TS_ASSUME_NETWORK_UP_FOR_TEST=1",
	}
}

func (w *world) write(path, content string) {
	w.t.Helper()
	if err := os.WriteFile(w.File(path), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(path string) string {
	w.t.Helper()
	content, err := os.ReadFile(w.File(path))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(content)
}

// command is a process of the job, not started yet.
func (w *world) command(program string, args ...string) *exec.Cmd {
	var vars []string
	for name, value := range w.vars {
		vars = append(vars, name+"="+value)
	}
	return w.Command(context.Background(), vars, program, args...)
}

// tailjoin is the program as the job runs it.
func (w *world) tailjoin(args ...string) *exec.Cmd {
	return w.command("Z:"+filepath.Join(os.Getenv(releaseAt), machine.Program), args...)
}

// A finished process is what is known of it afterwards.
type finished struct {
	status int
	words  string // both streams
}

// masks are lines of no interest to the reader of a failure.
var masks = regexp.MustCompile(`(?m)^::add-mask::.*\n`)

// run runs tailjoin to its end.
func (w *world) run(args ...string) finished {
	w.t.Helper()
	return finish(w.t, w.tailjoin(args...))
}

// finish runs a process to its end. It writes to a file: wine's own processes, which the first one starts, would hold a pipe.
func finish(t *testing.T, cmd *exec.Cmd) finished {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "words")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	words, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return finished{cmd.ProcessState.ExitCode(), masks.ReplaceAllString(strings.ReplaceAll(string(words), "\r\n", "\n"), "")}
}

// mustJoin joins and returns the outputs of the step.
func (w *world) mustJoin(args ...string) map[string]string {
	w.t.Helper()
	if got := w.run(append([]string{"join"}, args...)...); got.status != 0 || strings.Contains(got.words, "::warning") {
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

// outputs are the step's outputs.
func (w *world) outputs() map[string]string { return w.assignments(w.temp + `\output`) }

// assignments reads a file of the runner's: NAME<<DELIMITER, value, DELIMITER.
func (w *world) assignments(path string) map[string]string {
	values := map[string]string{}
	lines := strings.Split(strings.ReplaceAll(w.read(path), "\r\n", "\n"), "\n")
	for i := 0; i+2 < len(lines); i += 3 {
		name, _, _ := strings.Cut(lines[i], "<<")
		values[name] = lines[i+1]
	}
	return values
}

// wantNothingLeft fails unless the job left no trace: no node, no unused key, no process, no file.
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
	if left := w.Processes("tailscaled.exe"); len(left) > 0 {
		w.t.Errorf("processes are left: %v", left)
	}
	for _, dir := range []string{w.session, notes} {
		filepath.WalkDir(w.File(dir), func(path string, _ os.DirEntry, err error) error {
			if err == nil {
				w.t.Errorf("%s is left", path)
			}
			return nil
		})
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

// mustPeer puts a machine on the tailnet that the job wants to reach.
func (w *world) mustPeer() *localtailnet.Peer {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer cancel()
	peer, err := w.StartPeer(ctx, localtailnet.PeerOptions{})
	if err != nil {
		w.t.Fatal(err)
	}
	return peer
}

func wantWords(t *testing.T, got finished, words ...string) {
	t.Helper()
	for _, want := range words {
		if !strings.Contains(got.words, want) {
			t.Errorf("%q is not in:\n%s", want, got.words)
		}
	}
}
