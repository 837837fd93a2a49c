//go:build linux

package action

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var step = regexp.MustCompile(`(?m)^    - id: (\S+)$`)

// Nothing to undo may come before the step that undoes it.
func TestManifest_hookIsFirst(t *testing.T) {
	found := step.FindStringSubmatch(readFile(t, filepath.Join(root, "action.yml")))
	if found == nil || found[1] != "hook" {
		t.Errorf("first step: got %v, want hook", found)
	}
}

// manifests are the actions that workflows use by name.
var manifests = []string{"action.yml", "policy/action.yml"}

var used = regexp.MustCompile(`(?m)^\s+(?:- )?uses: (\S+)$`)

// A pin of this action by SHA is to fix everything that it runs: it uses nothing but its own directories.
func TestManifest_usesOnlyItself(t *testing.T) {
	for _, name := range manifests {
		for _, found := range used.FindAllStringSubmatch(readFile(t, filepath.Join(root, name)), -1) {
			if !strings.HasPrefix(found[1], "$/") {
				t.Errorf("%s uses %s", name, found[1])
			}
		}
	}
}

func TestManifest_runLinesExec(t *testing.T) {
	for _, name := range manifests {
		lines := runLine.FindAllStringSubmatch(readFile(t, filepath.Join(root, name)), -1)
		if len(lines) == 0 {
			t.Errorf("%s runs nothing", name)
		}
		for _, found := range lines {
			if !strings.HasPrefix(found[1], "exec ") {
				t.Errorf("%s: this line keeps a shell between the runner's signal and the program: %s", name, found[1])
			}
		}
	}
}

// A runner that does not know $/ may print an error and go on: then nothing would take the node off again.
func TestManifest_joinDoesNotRunWithoutTheHook(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", joinLine(t))
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "GITHUB_ACTION_PATH=/nowhere", "TAILJOIN_SESSION="}
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the hook did not run") {
		t.Errorf("got %v and %q", err, out)
	}
}

// The runner gives INPUT_* to node steps alone (act gives it to run steps too, and hides the mistake).
func TestGo_readsNoInputVariables(t *testing.T) {
	for _, dir := range []string{"cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(name string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			if strings.Contains(readFile(t, name), `"INPUT_`) {
				t.Errorf("%s reads INPUT_*", name)
			}
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
}
