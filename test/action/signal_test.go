//go:build linux

package action

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// On cancel the runner sends SIGINT to the step's process and to no other (actions/runner, ProcessInvoker).
// act ends it by SIGKILL instead, so this test runs the step's line as the runner does.
func TestJoin_getsTheSignalOfACancelledStep(t *testing.T) {
	for name, step := range map[string]func(*testing.T, action) *exec.Cmd{
		"sh":   inShell("sh", "-e"), // action.yml's
		"bash": inShell("bash", "--noprofile", "--norc", "-e", "-o", "pipefail"),
		"node": inNode,
	} {
		t.Run(name, func(t *testing.T) {
			r := newRecorder(t)
			out := cancelled(t, r, step)

			wantStages(t, r, "join 1 ", "signal 1 interrupt")
			wantNoProcess(t)
			if !strings.Contains(out, "cancelled by interrupt") {
				t.Errorf("the signal did not reach the join; the step printed:\n%s", out)
			}
		})
	}
}

// inShell is the join step of action.yml, by the given shell.
func inShell(shell ...string) func(*testing.T, action) *exec.Cmd {
	return func(t *testing.T, ours action) *exec.Cmd {
		script := filepath.Join(t.TempDir(), "script")
		writeFile(t, script, joinLine(t))
		cmd := exec.CommandContext(t.Context(), shell[0], append(shell[1:], script)...)
		cmd.Env = append(os.Environ(), "GITHUB_ACTION_PATH="+ours.dir, "TAILJOIN_SESSION="+t.TempDir())
		return cmd
	}
}

// inNode is the step of node/action.yml.
func inNode(t *testing.T, ours action) *exec.Cmd {
	temp := shortDir(t)
	cmd := exec.CommandContext(t.Context(), nodeProgram(t), filepath.Join(ours.dir, "node/main.js"))
	cmd.Env = append(os.Environ(), "RUNNER_TEMP="+temp, "GITHUB_STATE="+filepath.Join(temp, "state"))
	return cmd
}

// cancelled runs the join step, sends it SIGINT when it hangs, and returns what it printed until it ended.
func cancelled(t *testing.T, r *recorder, step func(*testing.T, action) *exec.Cmd) string {
	t.Helper()
	cmd := step(t, release(t, program("standin1")))
	cmd.Env = append(cmd.Env, "STANDIN_HANG=1")
	for name, value := range r.env() {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out := &watcher{mark: "standin: hanging", found: func() { cmd.Process.Signal(os.Interrupt) }}
	cmd.Stdout = out
	cmd.Stderr = &bytes.Buffer{}
	if err := cmd.Run(); err == nil {
		t.Error("a cancelled join ended with 0")
	}
	return out.text.String()
}

var runLine = regexp.MustCompile(`(?m)^\s+run: (.*)$`)

func joinLine(t *testing.T) string {
	t.Helper()
	found := runLine.FindStringSubmatch(readFile(t, filepath.Join(root, "action.yml")))
	if found == nil {
		t.Fatal("action.yml has no run line")
	}
	return found[1]
}
