//go:build linux

package fronts

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// The plugin is run by Buildkite's own agent: it clones the release, checks the configuration by plugin.yml, sources the hooks and
// takes over what they export.

var onBuildkite = identity{
	subject: "organization:acme:pipeline:web:ref:refs/heads/main:*",
	claims: map[string]any{
		"sub":               "organization:acme:pipeline:web:ref:refs/heads/main:commit:9a0364b9e99bb480dd25e1f0284c8555a1b2c3d4:step:deploy",
		"organization_slug": "acme", "pipeline_slug": "web", "step_key": "deploy", "build_branch": "main",
	},
}

func TestBuildkite_example(t *testing.T) {
	w := newWorld(t, onBuildkite)
	w.buildkite(w.buildkiteStep(), nil).want(t, 0, greeting, "left the tailnet")
	w.wantJoins(1)
	w.wantNothingLeft()
}

func TestBuildkite_withoutAnInterface(t *testing.T) {
	w := newWorld(t, onBuildkite)
	step := w.buildkiteStep()
	step.config["network"] = "userspace"
	w.buildkite(step, nil).want(t, 0, greeting, "left the tailnet")
	w.wantNothingLeft()
}

func TestBuildkite_keepsTheCommandsStatus(t *testing.T) {
	w := newWorld(t, onBuildkite)
	step := w.buildkiteStep()
	step.Command += "; exit 3"
	w.buildkite(step, nil).want(t, 3, greeting, "left the tailnet")
	w.wantNothingLeft()
}

func TestBuildkite_aRefusedJobRunsNoCommand(t *testing.T) {
	w := newWorld(t, onBuildkite)
	step := w.buildkiteStep()
	step.config["audience"] = "of-somebody-else"
	step.Command = "echo it runs"
	w.buildkite(step, nil).want(t, 1, "refused this job's identity")
	w.wantJoins(0)
	w.wantNothingLeft()
}

func TestBuildkite_takesListsAndPublishedPlugins(t *testing.T) {
	w := newWorld(t, onBuildkite)
	step := w.buildkiteStep()
	step.config["tags"] = []any{"tag:ci"}
	step.config["wait-for"] = []any{server + ":80", server + ":80"}
	step.plugin = publishedPlugin(t)
	w.buildkite(step, nil).want(t, 0, greeting, "left the tailnet")
	w.wantNothingLeft()
}

func TestBuildkite_refusesAMisspelledProperty(t *testing.T) {
	w := newWorld(t, onBuildkite)
	step := w.buildkiteStep()
	step.config["tag"] = "tag:ci"
	if got := w.buildkite(step, nil); got.status == 0 {
		t.Errorf("it was accepted:\n%s", got.log)
	}
	w.wantJoins(0)
	w.wantNothingLeft()
}

// The agent kills what is left of a cancelled job after ten seconds.
func TestBuildkite_cancelled(t *testing.T) {
	hang := localtailnet.Fault{Hang: true}
	for _, when := range []struct {
		name    string
		fault   string // the operation at which the job is cancelled, or
		running bool   // in its command
		dead    bool   // control answers nothing from then on
	}{
		{name: "in the command", running: true},
		{name: "while its identity is checked", fault: localtailnet.OpExchange},
		{name: "while the node is let in", fault: localtailnet.OpRegister},
		{name: "in the command, and control does not answer", running: true, dead: true},
	} {
		t.Run(when.name, func(t *testing.T) {
			w := newWorld(t, onBuildkite)
			step := w.buildkiteStep()
			started := filepath.Join(w.home, "started")
			step.Command = "touch " + started + "; exec sleep 60"
			reached := w.when(func() bool { _, err := os.Stat(started); return err == nil })
			if when.fault != "" {
				if err := w.SetFault(when.fault, hang); err != nil {
					t.Fatal(err)
				}
				reached = w.hit(when.fault)
			}
			got := w.buildkite(step, func() {
				<-reached
				if when.fault != "" {
					w.SetFault(when.fault, localtailnet.Fault{})
				}
				if when.dead {
					for _, op := range []string{localtailnet.OpRegister, localtailnet.OpExchange, localtailnet.OpConnect} {
						w.SetFault(op, hang)
					}
				}
			})
			if got.took > 9*time.Second {
				t.Errorf("it ended %v after it was cancelled", got.took)
			}
			if got.status == 0 {
				t.Error("the job's exit status is 0")
			}
			if when.dead {
				w.forgetNodes() // ephemeral ones: control finds out
			}
			w.wantNothingLeft()
			if t.Failed() {
				t.Log(got.log)
			}
		})
	}
}

// A buildkiteStep is one of a pipeline that uses the plugin.
type buildkiteStep struct {
	Command string
	plugin  string // what the pipeline calls it by
	config  map[string]any
}

// buildkiteStep is the example's, with this tailnet and the release in the place of real ones.
func (w *world) buildkiteStep() buildkiteStep {
	w.t.Helper()
	var pipeline struct {
		Steps []struct {
			Command string
			Plugins []map[string]map[string]any
		}
	}
	readYAML(w.t, filepath.Join(root, "examples/buildkite.yml"), &pipeline)
	step := buildkiteStep{Command: pipeline.Steps[0].Command}
	for name, config := range pipeline.Steps[0].Plugins[0] {
		step.plugin = replaceOnce(w.t, name, "https://github.com/tailjoin/tailjoin.git/plugins/buildkite#v1", have(w.t, "tailjoin.git")+"/plugins/buildkite#"+version)
		step.config = config
	}
	step.config["oauth-client-id"], step.config["login-server"] = client, w.ControlURL
	return step
}

// buildkite runs a job as the agent does, which has a process group of its own for each. cancel, if there is one, returns when the
// job is to be cancelled.
func (w *world) buildkite(step buildkiteStep, cancel func()) result {
	w.t.Helper()
	bin := shortDir(w.t)
	link(w.t, have(w.t, "agent"), filepath.Join(bin, "buildkite-agent"))
	used, err := json.Marshal([]any{map[string]any{step.plugin: step.config}})
	if err != nil {
		w.t.Fatal(err)
	}
	plugins := filepath.Join(os.Getenv(made), "plugins") // an agent keeps what it has cloned
	cmd := exec.Command(filepath.Join(bin, "buildkite-agent"), "bootstrap", "--phases", "plugin,command")
	cmd.Env = w.environ(map[string]string{
		"BUILDKITE": "true", "CI": "true", "BUILDKITE_AGENT_NAME": "agent-1", "BUILDKITE_BIN_PATH": bin,
		"BUILDKITE_AGENT_ENDPOINT": w.buildkiteAPI(), "BUILDKITE_AGENT_ACCESS_TOKEN": accessToken,
		"BUILDKITE_BUILD_PATH": shortDir(w.t), "BUILDKITE_PLUGINS_PATH": plugins, "BUILDKITE_HOOKS_PATH": shortDir(w.t),
		"BUILDKITE_SOCKETS_PATH":      shortDir(w.t),
		"BUILDKITE_ORGANIZATION_SLUG": "acme", "BUILDKITE_PIPELINE_SLUG": "web", "BUILDKITE_PIPELINE_PROVIDER": "git",
		"BUILDKITE_REPO": "git@example.com:acme/web.git", "BUILDKITE_BRANCH": "main", "BUILDKITE_COMMIT": "HEAD",
		"BUILDKITE_BUILD_NUMBER": "12", "BUILDKITE_STEP_KEY": "deploy", "BUILDKITE_JOB_ID": jobID,
		"BUILDKITE_COMMAND": step.Command, "BUILDKITE_PLUGINS": string(used), "BUILDKITE_PLUGIN_VALIDATION": "true",
		"BUILDKITE_SHELL": "/bin/bash -e -c", "BUILDKITE_CANCEL_SIGNAL": "SIGTERM",
	})
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return w.withoutSecrets(finish(w.t, cmd, cancelling{cancel, -1, unix.SIGTERM, 10 * time.Second}), nil)
}

const (
	accessToken = "agent-access-token"
	jobID       = "0190046e-e199-453b-a302-a21a4d649d31"
)

// buildkiteAPI is the one that an agent's job speaks to: it gives ID tokens, and takes annotations.
func (w *world) buildkiteAPI() string {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /jobs/"+jobID+"/oidc/tokens", func(rw http.ResponseWriter, r *http.Request) {
		var wish struct{ Audience string }
		if err := json.NewDecoder(r.Body).Decode(&wish); err != nil || r.Header.Get("Authorization") != "Token "+accessToken {
			http.Error(rw, `{"message":"unauthorized"}`, http.StatusUnauthorized)
			return
		}
		token, err := w.Issuer().Mint(wish.Audience, onBuildkite.claims)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusInternalServerError)
			return
		}
		json.NewEncoder(rw).Encode(map[string]string{"token": token})
	})
	mux.HandleFunc("POST /jobs/"+jobID+"/annotations", func(rw http.ResponseWriter, r *http.Request) { rw.Write([]byte("{}")) })
	s := httptest.NewServer(mux)
	w.t.Cleanup(s.Close)
	return s.URL
}

// publishedPlugin is the plugin at the root of a repository of its own.
func publishedPlugin(t *testing.T) string {
	t.Helper()
	repository := filepath.Join(shortDir(t), "tailjoin-buildkite-plugin.git")
	err := script(have(t, "tree"), `
git init -q --bare "$1"
git push -q "$1" "$(scripts/plugin-commit `+version+`):refs/tags/`+version+`"
`, repository)
	if err != nil {
		t.Fatal(err)
	}
	return repository + "#" + version
}
