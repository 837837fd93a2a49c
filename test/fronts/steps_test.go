//go:build linux

package fronts

import (
	"cmp"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
)

// A step is a script that has a process to itself, as steps of CircleCI and Azure Pipelines have.
type step struct {
	script string
	env    map[string]string
	always bool // it runs after a failed one, too
}

// A stepAgent is how a CI runs the steps of a job.
type stepAgent struct {
	shell   []string                                            // runs a script
	prepare func(s step) (script string, env map[string]string) // before each step
	obey    func(said string) error                             // after each step; an error fails it
}

// runSteps runs the steps of a job.
func (w *world) runSteps(steps []step, agent stepAgent, cancel cancelling) (all result) {
	w.t.Helper()
	for _, s := range steps {
		if all.status != 0 && !s.always {
			continue
		}
		script, env := agent.prepare(s)
		file := filepath.Join(shortDir(w.t), "step.sh")
		writeFile(w.t, file, script)
		cmd := exec.Command(agent.shell[0], append(agent.shell[1:], file)...)
		cmd.Env = w.environ(env)
		got := finish(w.t, cmd, cancel)
		cancel = cancelling{} // the steps after it are for cleaning up
		if err := agent.obey(got.log); err != nil {
			got.log += err.Error() + "\n"
			got.status = cmp.Or(got.status, 1)
		}
		all.log += got.log
		all.status = cmp.Or(all.status, got.status)
	}
	return all
}

// fill replaces the parameters in what was read from YAML: the text between the brackets names one. A value that is nothing but
// one parameter becomes what that is; as part of a text, it is text.
func fill(t *testing.T, value any, brackets *regexp.Regexp, parameters map[string]any) any {
	t.Helper()
	switch value := value.(type) {
	case string:
		if m := brackets.FindStringSubmatch(value); m != nil && m[0] == value {
			return parameter(t, parameters, m[1])
		}
		return brackets.ReplaceAllStringFunc(value, func(found string) string {
			return fmt.Sprint(parameter(t, parameters, brackets.FindStringSubmatch(found)[1]))
		})
	case []any:
		var filled []any
		for _, item := range value {
			filled = append(filled, fill(t, item, brackets, parameters))
		}
		return filled
	case map[string]any:
		filled := map[string]any{}
		for name, item := range value {
			filled[name] = fill(t, item, brackets, parameters)
		}
		return filled
	}
	return value
}

func parameter(t *testing.T, parameters map[string]any, name string) any {
	t.Helper()
	value, ok := parameters[name]
	if !ok {
		t.Fatalf("there is no parameter %s", name)
	}
	return value
}

// environment is a mapping of YAML as processes have it.
func environment(values any) map[string]string {
	env := map[string]string{}
	mapping, _ := values.(map[string]any)
	for name, value := range mapping {
		env[name] = fmt.Sprint(value)
	}
	return env
}
