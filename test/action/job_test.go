//go:build linux

package action

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A job is a workflow of one job, which act runs to its end.
type job struct {
	steps   []string          // YAML, each an item of a list without the dash
	files   map[string]string // or all workflows of the repository, by name
	others  map[string]string // files of a repository that has the name acme/web to act, too
	vars    map[string]string // of the repository
	secrets map[string]string // of the repository; an empty one is none
	actions []action          // that steps use
	env     map[string]string // of every step
	event   string            // "" is a push
	server  string            // host of the GitHub; "" is github.com
	cancel  string            // the job is cancelled when its log holds this; "" for never
	stop    <-chan struct{}   // or when this is closed; nil for never
}

// A result is what is known of a job from outside.
type result struct {
	exit int
	log  string
}

// run runs the job in a repository of its own, which knows of no other.
func (j job) run(t *testing.T) result {
	t.Helper()
	home := shortDir(t)
	cmd := exec.CommandContext(t.Context(), program("act"), j.args(home)...)
	cmd.Dir = consumer(t, j)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home,
		"XDG_CACHE_HOME=" + home, "XDG_CONFIG_HOME=" + home, "TMPDIR=" + home,
	}
	for name, value := range j.secrets {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	log := &watcher{mark: j.cancel, found: func() { cmd.Process.Signal(os.Interrupt) }}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.WaitDelay = 10 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go j.interrupt(cmd.Process, ended)
	err := cmd.Wait()
	close(ended)
	if failed := new(exec.ExitError); err != nil && !errors.As(err, &failed) {
		t.Fatalf("running act: %v\n%s", err, log.text.String())
	}
	return result{exit: cmd.ProcessState.ExitCode(), log: log.text.String()}
}

// interrupt cancels the job when it is told to stop, if it has not ended by itself.
func (j job) interrupt(act *os.Process, ended <-chan struct{}) {
	select {
	case <-j.stop:
		act.Signal(os.Interrupt)
	case <-ended:
	}
}

func (j job) args(home string) []string {
	args := []string{
		cmp.Or(j.event, "push"), "-P", "ubuntu-latest=-self-hosted", "--no-cache-server", "--pull=false",
		"--use-new-action-cache", "--action-cache-path", filepath.Join(home, "actions"),
	}
	if j.server != "" {
		args = append(args, "--github-instance", j.server)
	}
	for _, a := range j.actions {
		args = append(args, "--local-repository", a.repository()+"="+a.dir)
	}
	for name, value := range j.env {
		args = append(args, "--env", name+"="+value)
	}
	for name, value := range j.secrets {
		if value != "" {
			args = append(args, "--secret", name) // act takes the value from its environment
		}
	}
	for name, value := range j.vars {
		args = append(args, "--var", name+"="+value)
	}
	return args
}

// consumer makes the repository that the workflow is in.
func consumer(t *testing.T, j job) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range j.workflows() {
		writeFile(t, filepath.Join(dir, ".github/workflows", name), text)
	}
	for name, text := range j.others {
		writeFile(t, filepath.Join(dir, name), text)
	}
	repository := commit(t, "acme/web", dir)
	if j.others != nil {
		git(t, dir, "remote", "add", "origin", "https://github.com/acme/web.git") // for the name alone
	}
	return repository.dir
}

func (j job) workflows() map[string]string {
	if j.files != nil {
		return j.files
	}
	workflow := `
on: push
permissions: { id-token: write, contents: read }
jobs:
  job:
    runs-on: ubuntu-latest
    steps:
`
	for _, step := range j.steps {
		workflow += "      - " + strings.ReplaceAll(strings.TrimSpace(step), "\n", "\n        ") + "\n"
	}
	return map[string]string{"test.yml": workflow}
}

// uses is the step that uses an action.
func uses(id string, a action, with string) string {
	return fmt.Sprintf("id: %s\nuses: %s\nwith: %s", id, a.uses(), with)
}

// runs is a step that runs a script of one line.
func runs(script string) string { return "run: |\n  " + script }

// shortDir is a directory whose path leaves room for sockets below it. Nobody else may pass through, as with a runner in /root.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "a")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A watcher keeps what is written to it, and calls found once, when that holds the mark.
type watcher struct {
	text  bytes.Buffer
	mark  string
	found func()
}

func (w *watcher) Write(p []byte) (int, error) {
	n, err := w.text.Write(p)
	if w.mark != "" && strings.Contains(w.text.String(), w.mark) {
		w.mark = ""
		w.found()
	}
	return n, err
}
