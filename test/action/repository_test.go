//go:build linux

package action

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// An action is a commit of a repository, as a runner has it after Set up job: fetched, at a known SHA.
type action struct {
	name string // owner/repo
	path string // of the action in it: "", or "/node"
	sha  string
	dir  string // its files, without .git
}

// uses is what a workflow writes.
func (a action) uses() string { return a.name + a.path + "@" + a.sha }

// repository is what a runner fetches for it.
func (a action) repository() string { return a.name + "@" + a.sha }

// node is the same action as one step of node.
func (a action) node() action {
	a.path = "/node"
	return a
}

// release makes a release commit of this tree: the action as it is, and dist/ with the given binary for this machine.
func release(t *testing.T, binary string) action {
	t.Helper()
	dir := tree(t)
	copyFile(t, binary, filepath.Join(dir, "dist", "tailjoin-"+runtime.GOOS+"-"+runtime.GOARCH))
	return resolved(t, commit(t, "tailjoin/tailjoin", dir))
}

// tree copies what a job needs of this tree into a new directory.
func tree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, pattern := range []string{"action.yml", ".github/actions/join/action.yml", "post/*", "node/*", "policy/action.yml", "scripts/run.sh"} {
		for path := range texts(t, pattern) {
			copyFile(t, filepath.Join(root, path), filepath.Join(dir, path))
		}
	}
	mustMkdir(t, filepath.Join(dir, "dist"))
	return dir
}

// resolved does to the action's files what the runner does when it has fetched them: $/dir becomes owner/repo/dir@SHA.
// (actions/runner, ActionManager.ResolveSelfRepositoryReferences; act does not know the form.)
func resolved(t *testing.T, a action) action {
	t.Helper()
	for _, name := range []string{"action.yml", ".github/actions/join/action.yml"} {
		manifest := filepath.Join(a.dir, name)
		writeFile(t, manifest, strings.Replace(readFile(t, manifest), "uses: $/post\n", "uses: "+a.name+"/post@"+a.sha+"\n", 1))
	}
	return a
}

// wrapper makes an action of somebody else's: a composite that uses ours and then fails.
func wrapper(t *testing.T, ours action, with string) action {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "action.yml"), `
name: wrap
description: uses another action, then fails
runs:
  using: composite
  steps:
    - uses: `+ours.uses()+`
      with: `+with+`
    - run: exit 7
      shell: sh
`)
	return commit(t, "acme/wrap", dir)
}

func commit(t *testing.T, name, dir string) action {
	t.Helper()
	git(t, dir, "init", "-q", "-b", "main")
	git(t, dir, "add", "-A", "-f")
	git(t, dir, "-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "-m", name)
	return action{name: name, sha: strings.TrimSpace(git(t, dir, "rev-parse", "HEAD")), dir: dir}
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := command(dir, "git", args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	mustMkdir(t, filepath.Dir(to))
	if err := os.WriteFile(to, []byte(readFile(t, from)), info.Mode()); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	mustMkdir(t, filepath.Dir(name))
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func mustMkdir(t *testing.T, dir string) {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
}
