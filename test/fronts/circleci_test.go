//go:build linux

package fronts

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

// CircleCI's own CLI cannot be had here. So the orb is packed as `circleci orb pack` does it, checked by the schemas of CircleCI's
// config parser, and its steps are run as an executor runs them.

var onCircleCI = identity{
	subject: "org/5034460f-c7c4-4c43-9457-de07e2029e7b/project/*",
	claims: map[string]any{
		"sub":                          "org/5034460f-c7c4-4c43-9457-de07e2029e7b/project/8d2c1a2e-9f55-4e63-8f3b-0c5d8a3d1b11/user/1e0ed4ab-7c6f-4dd8-8a62-1d5f0b1a2c33",
		"oidc.circleci.com/project-id": "8d2c1a2e-9f55-4e63-8f3b-0c5d8a3d1b11",
	},
}

func TestCircleCI_orbIsOne(t *testing.T) {
	orb := packOrb(t, filepath.Join(root, "orb"))
	checkCircleCI(t, orb)
	var example any
	readYAML(t, filepath.Join(root, "examples/circleci.yml"), &example)
	checkCircleCI(t, example)
	shown := orb["examples"].(map[string]any)["on-tailnet"].(map[string]any)["usage"]
	if diff := cmp.Diff(example, shown); diff != "" {
		t.Errorf("the orb's example is not examples/circleci.yml (-file +orb):\n%s", diff)
	}
}

func TestCircleCI_example(t *testing.T) {
	w := newWorld(t, onCircleCI)
	w.circleci(w.circleciExample()).want(t, 0, greeting, "left the tailnet")
	w.wantJoins(1)
	w.wantNothingLeft()
}

func TestCircleCI_withoutAnInterface(t *testing.T) {
	w := newWorld(t, onCircleCI)
	steps := w.circleciExample()
	arguments(steps)["network"] = "userspace"
	w.circleci(steps).want(t, 0, greeting, "left the tailnet")
	w.wantNothingLeft()
}

func TestCircleCI_keepsTheCommandsStatus(t *testing.T) {
	w := newWorld(t, onCircleCI)
	steps := w.circleciExample()
	arguments(steps)["steps"] = append(arguments(steps)["steps"].([]any), map[string]any{"run": "exit 3"}, map[string]any{"run": "echo afterwards"})
	got := w.circleci(steps)
	got.want(t, 3, greeting, "left the tailnet")
	if strings.Contains(got.log, "afterwards") {
		t.Error("a step after the failed one ran")
	}
	w.wantNothingLeft()
}

func TestCircleCI_aRefusedJobRunsNoCommand(t *testing.T) {
	w := newWorld(t, onCircleCI)
	steps := w.circleciExample()
	arguments(steps)["audience"] = "of-somebody-else"
	got := w.circleci(steps)
	got.want(t, 1, "refused this job's identity", "nothing to leave")
	if strings.Contains(got.log, greeting) {
		t.Error("its command ran")
	}
	w.wantNothingLeft()
}

func TestCircleCI_aJobThatCouldNotFetchHasNothingToLeave(t *testing.T) {
	w := newWorld(t, onCircleCI)
	w.env["TAILJOIN_RELEASES"] = "http://127.0.0.1:9/"
	delete(w.env, "XDG_CACHE_HOME")
	w.circleci(w.circleciExample()).want(t, 1, "cannot fetch", "nothing to leave: the join did not start")
}

// A dead daemon cannot log out: leave, which has an identity of its own by now, deletes the node.
func TestCircleCI_leavesWithoutItsDaemon(t *testing.T) {
	w := newWorld(t, onCircleCI)
	steps := w.circleciExample()
	arguments(steps)["network"] = "userspace"
	arguments(steps)["steps"] = []any{map[string]any{"run": `
for line in /proc/[0-9]*/cmdline; do
  if tr '\0' ' ' <"$line" | grep -q "^/tmp/.*tailscaled "; then pid=${line#/proc/}; kill -9 "${pid%/cmdline}"; fi
done`}}
	w.circleci(steps).want(t, 0, "deleting the node through the API", "left the tailnet")
	w.wantNothingLeft()
}

// packOrb makes one document of an orb's files: https://circleci.com/docs/orb-concepts/#orb-packing.
func packOrb(t *testing.T, dir string) map[string]any {
	t.Helper()
	orb := map[string]any{}
	parseYAML(t, included(t, dir, "@orb.yml"), &orb)
	for _, kind := range []string{"commands", "jobs", "executors", "examples"} {
		files, _ := filepath.Glob(filepath.Join(dir, kind, "*.yml"))
		parts := map[string]any{}
		for _, file := range files {
			var part any
			parseYAML(t, included(t, dir, kind+"/"+filepath.Base(file)), &part)
			parts[strings.TrimSuffix(filepath.Base(file), ".yml")] = part
		}
		if len(parts) > 0 {
			orb[kind] = parts
		}
	}
	return orb
}

var include = regexp.MustCompile(`<<\s*include\(([^)]+)\)\s*>>`)

// included is a file with others in the places of their names.
func included(t *testing.T, dir, name string) string {
	t.Helper()
	return include.ReplaceAllStringFunc(readFile(t, filepath.Join(dir, name)), func(found string) string {
		text := readFile(t, filepath.Join(dir, include.FindStringSubmatch(found)[1]))
		quoted, err := json.Marshal(strings.ReplaceAll(text, "<<", `\<<`))
		if err != nil {
			t.Fatal(err)
		}
		return string(quoted)
	})
}

func checkCircleCI(t *testing.T, config any) {
	t.Helper()
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), have(t, "npm", "node_modules/.bin/node"), "testdata/circleci.js")
	cmd.Env = append(os.Environ(), "NODE_PATH="+have(t, "npm", "node_modules"))
	cmd.Stdin = strings.NewReader(string(text))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// circleciExample is the job's steps in the example, with this tailnet's credential.
func (w *world) circleciExample() []any {
	w.t.Helper()
	var config struct {
		Jobs map[string]struct{ Steps []any }
	}
	readYAML(w.t, filepath.Join(root, "examples/circleci.yml"), &config)
	steps := slices.DeleteFunc(config.Jobs["deploy"].Steps, func(step any) bool { return step == "checkout" })
	arguments(steps)["oauth-client-id"], arguments(steps)["login-server"] = client, w.ControlURL
	return steps
}

// arguments are those of a job's one step.
func arguments(steps []any) map[string]any {
	return steps[0].(map[string]any)["tailjoin/on-tailnet"].(map[string]any)
}

// circleci runs a job with the orb of the release.
func (w *world) circleci(steps []any) result {
	w.t.Helper()
	var commands map[string]circleCommand
	packed, err := yaml.Marshal(packOrb(w.t, filepath.Join(have(w.t, "release"), "orb"))["commands"])
	if err != nil {
		w.t.Fatal(err)
	}
	parseYAML(w.t, string(packed), &commands)

	bin := shortDir(w.t)
	writeFile(w.t, filepath.Join(bin, "circleci"), circleCLI)
	if err := os.Chmod(filepath.Join(bin, "circleci"), 0o755); err != nil {
		w.t.Fatal(err)
	}
	claims, err := json.Marshal(onCircleCI.claims)
	if err != nil {
		w.t.Fatal(err)
	}
	env := map[string]string{
		"CIRCLECI": "true", "CI": "true", "BASH_ENV": filepath.Join(bin, "bash.env"), "PATH": bin + ":" + w.env["PATH"],
		"CIRCLE_PROJECT_USERNAME": "acme", "CIRCLE_PROJECT_REPONAME": "web", "CIRCLE_BRANCH": "main", "CIRCLE_BUILD_NUM": "12",
		"CIRCLE_WORKFLOW_JOB_ID": "6cdf1ab3-3a4e-4d4a-9f5c-0b1f0a7c7a77", "CIRCLE_JOB": "deploy", "CIRCLE_NODE_INDEX": "0",
		"TOKENS_URL": w.ControlURL + "/_test/id-token", "TOKENS_CLAIMS": string(claims), // for the CLI below
	}
	flat := flatten(w.t, commands, steps, "tailjoin/")
	agent := stepAgent{
		shell: []string{"bash", "-eo", "pipefail"},
		prepare: func(s step) (string, map[string]string) {
			all := maps.Clone(env)
			maps.Copy(all, s.env)
			return s.script, all
		},
		obey: func(string) error { return nil },
	}
	return w.withoutSecrets(w.runSteps(flat, agent, cancelling{}), nil)
}

// circleCLI stands in for the CLI that every executor has: it answers the one question that is asked of it.
const circleCLI = `#!/bin/sh
[ "$1 $2 $3 $4" = "run oidc get --claims" ] || { echo "unknown: $*" >&2; exit 1; }
audience=$(printf %s "$5" | sed 's/.*"aud":"\([^"]*\)".*/\1/')
curl --noproxy '*' -sSf -d "{\"audience\":\"$audience\",\"claims\":$TOKENS_CLAIMS}" "$TOKENS_URL" | sed 's/.*"value":"\([^"]*\)".*/\1/'
`

// A circleCommand is one of an orb's.
type circleCommand struct {
	Parameters map[string]struct {
		Type    string
		Enum    []any
		Default any
	}
	Steps []any
}

var circleParameter = regexp.MustCompile(`<<\s*parameters\.([a-z0-9-]+)\s*>>`)

// flatten is what CircleCI makes of steps before a job begins: nothing but scripts. Commands are called by what begins with prefix.
func flatten(t *testing.T, commands map[string]circleCommand, steps []any, prefix string) (flat []step) {
	t.Helper()
	for _, item := range steps {
		for name, input := range oneStep(t, item) {
			command, ours := commands[strings.TrimPrefix(name, prefix)]
			switch {
			case name == "run":
				flat = append(flat, circleRun(input))
			case name == "steps":
				flat = append(flat, flatten(t, commands, input.([]any), "tailjoin/")...)
			case ours && strings.HasPrefix(name, prefix):
				filled := fill(t, command.Steps, circleParameter, command.given(t, input))
				flat = append(flat, flatten(t, commands, filled.([]any), "")...)
			default:
				t.Fatalf("there is no step %q", name)
			}
		}
	}
	return flat
}

func oneStep(t *testing.T, item any) map[string]any {
	t.Helper()
	if name, ok := item.(string); ok {
		return map[string]any{name: map[string]any{}}
	}
	if step, ok := item.(map[string]any); ok && len(step) == 1 {
		return step
	}
	t.Fatalf("this is no step: %v", item)
	return nil
}

func circleRun(input any) step {
	if script, ok := input.(string); ok {
		return step{script: script}
	}
	run := input.(map[string]any)
	return step{
		script: strings.ReplaceAll(run["command"].(string), `\<<`, "<<"),
		env:    environment(run["environment"]), always: run["when"] == "always",
	}
}

// given are the command's parameters in one call of it. A missing, unknown or mistyped one fails the test, as it does the pipeline.
func (c circleCommand) given(t *testing.T, input any) map[string]any {
	t.Helper()
	types := map[string]string{"string": "", "enum": "", "steps": "[]"}
	given := map[string]any{}
	for name, p := range c.Parameters {
		if p.Default != nil {
			given[name] = p.Default
		}
	}
	maps.Copy(given, input.(map[string]any))
	for name, value := range given {
		p, known := c.Parameters[name]
		_, text := value.(string)
		_, typed := types[p.Type]
		if !known || !typed || text != (types[p.Type] == "") || p.Enum != nil && !slices.Contains(p.Enum, value) {
			t.Fatalf("parameter %s cannot be %#v: %+v", name, value, p)
		}
	}
	return given
}
