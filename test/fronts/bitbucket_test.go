//go:build linux

package fronts

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Bitbucket's runner cannot be had here. The example's lines are run as it runs them: those of script by one bash, those of
// after-script by another.

var onBitbucket = identity{
	audience: []string{audience}, // always a list there
	subject:  "{c7a1e1a2-3a5c-4f3b-8a43-6c1d3b9f2c10}:*",
	claims: map[string]any{
		"sub":            "{c7a1e1a2-3a5c-4f3b-8a43-6c1d3b9f2c10}:{0f8fad5b-d9cb-469f-a165-70867728950e}",
		"repositoryUuid": "{c7a1e1a2-3a5c-4f3b-8a43-6c1d3b9f2c10}", "branchName": "main",
	},
}

func TestBitbucket_example(t *testing.T) {
	w := newWorld(t, onBitbucket)
	w.bitbucket(w.bitbucketExample()).want(t, 0, greeting, "left the tailnet")
	w.wantJoins(1)
	w.wantNothingLeft()
}

func TestBitbucket_withoutAnInterface(t *testing.T) {
	w := newWorld(t, onBitbucket)
	w.env["TAILJOIN_NETWORK"] = "userspace"
	w.bitbucket(w.bitbucketExample()).want(t, 0, greeting, "left the tailnet")
	w.wantNothingLeft()
}

func TestBitbucket_keepsTheCommandsStatus(t *testing.T) {
	w := newWorld(t, onBitbucket)
	step := w.bitbucketExample()
	step.Script = append(step.Script, "exit 3", "echo afterwards")
	w.bitbucket(step).want(t, 3, greeting, "left the tailnet")
	w.wantNothingLeft()
}

func TestBitbucket_aRefusedJobRunsNoCommand(t *testing.T) {
	w := newWorld(t, onBitbucket)
	w.token = w.mint(identity{claims: map[string]any{"sub": "{somebody-else}:{0f8fad5b-d9cb-469f-a165-70867728950e}"}})
	got := w.bitbucket(w.bitbucketExample())
	got.want(t, 1, "refused this job's identity", "nothing to leave")
	if strings.Contains(got.log, greeting) {
		t.Error("its command ran")
	}
	w.wantNothingLeft()
}

// A bitbucketStep is one of a pipeline.
type bitbucketStep struct {
	Script []string
	After  []string `yaml:"after-script"`
}

// bitbucketExample is the step in the example, with this tailnet's credential.
func (w *world) bitbucketExample() bitbucketStep {
	w.t.Helper()
	var config struct {
		Pipelines struct {
			Branches map[string][]struct{ Step bitbucketStep }
		}
	}
	readYAML(w.t, filepath.Join(root, "examples/bitbucket-pipelines.yml"), &config)
	step := config.Pipelines.Branches["main"][0].Step
	step.Script[0] = replaceOnce(w.t, step.Script[0], "T123-CNTRL", client)
	return step
}

// bitbucket runs a step in a repository that has the release's script.
func (w *world) bitbucket(step bitbucketStep) result {
	w.t.Helper()
	dir := shortDir(w.t)
	writeFile(w.t, filepath.Join(dir, "tailjoin.sh"), readFile(w.t, filepath.Join(have(w.t, "release"), "bitbucket/tailjoin.sh")))
	lines := func(lines []string) result {
		cmd := exec.Command("bash", "-e", "-c", strings.Join(lines, "\n"))
		cmd.Dir, cmd.Env = dir, w.environ(map[string]string{
			"CI": "true", "BITBUCKET_BUILD_NUMBER": "12", "BITBUCKET_REPO_FULL_NAME": "acme/web", "BITBUCKET_BRANCH": "main",
			"BITBUCKET_STEP_UUID": "{0f8fad5b-d9cb-469f-a165-70867728950e}", "BITBUCKET_STEP_RUN_NUMBER": "1",
			"BITBUCKET_STEP_OIDC_TOKEN": w.token, "TAILJOIN_LOGIN_SERVER": w.ControlURL,
		})
		return finish(w.t, cmd, cancelling{})
	}
	got := lines(step.Script)
	got.log += lines(step.After).log
	return w.withoutSecrets(got, nil)
}
