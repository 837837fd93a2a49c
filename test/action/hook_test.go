//go:build linux

package action

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestHook_makesAPrivateSession(t *testing.T) {
	f := hookMain(t)
	session := f.output["session"]
	info, err := os.Stat(session)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("mode of the session directory: got %o, want 700", got)
	}
	if filepath.Dir(session) != f.temp {
		t.Errorf("session directory %s is not in RUNNER_TEMP, %s", session, f.temp)
	}
}

func TestHook_keepsSessionAndRootAsState(t *testing.T) {
	f := hookMain(t)
	want := map[string]string{"root": "/the/action", "session": f.output["session"]}
	delete(f.state, "environment") // TestHookPost_givesLeaveTheEnvironmentFromBeforeTheJoin
	if diff := cmp.Diff(want, f.state); diff != "" {
		t.Errorf("state (-want +got):\n%s", diff)
	}
}

// A value can only leave its heredoc by holding the delimiter; so that must not be known before.
func TestHook_usesANewDelimiterEachTime(t *testing.T) {
	seen := map[string]bool{}
	for range 2 {
		for _, delimiter := range hookMain(t).delimiters {
			if seen[delimiter] {
				t.Errorf("delimiter %s was used twice", delimiter)
			}
			seen[delimiter] = true
		}
	}
}

func TestHookPost_withoutASessionDoesNothing(t *testing.T) {
	out, exit := node(t, "post.js")
	if exit != 0 || out != "" {
		t.Errorf("got exit status %d and %q, want 0 and nothing", exit, out)
	}
}

func TestHookPost_saysWhenTheActionIsGone(t *testing.T) {
	out, exit := node(t, "post.js", "STATE_session=/s", "STATE_root=/gone")
	if exit != 1 || !strings.HasPrefix(out, "::error ") || !strings.Contains(out, "/gone") {
		t.Errorf("got exit status %d and %q, want 1 and an error that names the directory", exit, out)
	}
}

// noEnvironment is the state of a hook that saw no variables.
const noEnvironment = `STATE_environment={"names":[],"values":{}}`

func TestHookPost_endsAsLeaveEnds(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "scripts/run.sh"), `
echo "$1 $TAILJOIN_SESSION $TAILJOIN_OAUTH_CLIENT_ID"
env | grep INPUT_
exit 9
`)
	out, exit := node(t, "post.js", "STATE_session=/s", "STATE_root="+dir, noEnvironment, "INPUT_OAUTH-CLIENT-ID=T1")
	if want := "leave /s T1\n"; out != want {
		t.Errorf("run.sh saw %q, want %q", out, want)
	}
	if exit != 9 {
		t.Errorf("exit status: got %d, want 9", exit)
	}
}

// On cancel the runner signals node alone.
func TestHookPost_passesSignalsOnToLeave(t *testing.T) {
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "scripts/run.sh"), `
trap 'echo got TERM; exit 5' TERM
echo ready
while :; do sleep 0.01; done
`)
	cmd := exec.CommandContext(t.Context(), "node", filepath.Join(root, "post/post.js"))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "STATE_session=/s", "STATE_root=" + dir, noEnvironment}
	out := &watcher{mark: "ready", found: func() { cmd.Process.Signal(syscall.SIGTERM) }}
	cmd.Stdout = out
	cmd.WaitDelay = 5 * time.Second // of a leave that outlives its node
	cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != 5 || out.text.String() != "ready\ngot TERM\n" {
		t.Errorf("got exit status %d and %q", got, out.text.String())
	}
}

func TestHook_saysWhyThereIsNoPlaceForASession(t *testing.T) {
	file := filepath.Join(t.TempDir(), "100%\nfile")
	writeFile(t, file, "")
	for temp, want := range map[string]string{
		"":                    "RUNNER_TEMP is not set",
		"/no/such/directory":  "no directory can be made in RUNNER_TEMP, /no/such/directory (ENOENT)",
		file:                  "100%25%0Afile (ENOTDIR)",
		"/proc/sys/fs/binfmt": "RUNNER_TEMP, /proc/sys/fs/binfmt (E",
	} {
		out, exit := node(t, "main.js", "GITHUB_ACTION_PATH=/the/action", "RUNNER_TEMP="+temp)
		if exit != 1 || !strings.HasPrefix(out, "::error title=tailjoin::") || !strings.Contains(out, want) || strings.Count(out, "\n") != 1 {
			t.Errorf("RUNNER_TEMP=%q: got exit status %d and %q, want 1 and one line with %q", temp, exit, out, want)
		}
	}
}

// files are what the hook's main wrote for the runner.
type files struct {
	temp          string
	output, state map[string]string
	delimiters    []string
}

func hookMain(t *testing.T) files {
	t.Helper()
	f := files{temp: t.TempDir()}
	state, output := filepath.Join(f.temp, "state"), filepath.Join(f.temp, "output")
	out, exit := node(t, "main.js", "GITHUB_ACTION_PATH=/the/action", "RUNNER_TEMP="+f.temp, "GITHUB_STATE="+state, "GITHUB_OUTPUT="+output)
	if exit != 0 {
		t.Fatalf("main.js: exit status %d\n%s", exit, out)
	}
	f.output, f.state = f.read(t, output), f.read(t, state)
	return f
}

var assignment = regexp.MustCompile(`(?s)^([A-Za-z0-9_]+)<<(\S+)\n(.*?)\n(\S+)\n`)

// read reads a command file: name<<delimiter, value, delimiter.
func (f *files) read(t *testing.T, name string) map[string]string {
	t.Helper()
	values := map[string]string{}
	for text := readFile(t, name); text != ""; {
		m := assignment.FindStringSubmatch(text)
		if m == nil || m[2] != m[4] {
			t.Fatalf("%s holds %q", name, text)
		}
		values[m[1]] = m[3]
		f.delimiters = append(f.delimiters, m[2])
		text = text[len(m[0]):]
	}
	return values
}

// node runs a script of the hook with this environment, and returns what it printed and its exit status.
func node(t *testing.T, script string, env ...string) (string, int) {
	t.Helper()
	return runNode(t, filepath.Join(root, "post", script), append([]string{"PATH=" + os.Getenv("PATH")}, env...)...)
}

// runNode runs a script in exactly this environment.
func runNode(t *testing.T, script string, env ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), nodeProgram(t), script)
	cmd.Env = env
	out, err := cmd.CombinedOutput()
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		t.Fatalf("running node: %v", err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func nodeProgram(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("node")
	if err != nil {
		t.Fatal(err)
	}
	return path
}
