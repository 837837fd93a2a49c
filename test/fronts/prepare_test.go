//go:build linux

package fronts

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	builds "github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

// prepare fills the directory: with a release of this tree as it is now, and with the CIs' own programs.
func prepare(dir string) error {
	tree := filepath.Join(dir, "tree")
	if err := copyTree(tree); err != nil {
		return fmt.Errorf("copying the tree: %w", err)
	}
	dist, err := build(tree)
	if err != nil {
		return fmt.Errorf("building the release: %w", err)
	}
	if err := os.Symlink(dist, filepath.Join(dir, "assets")); err != nil {
		return err
	}
	if err := release(dir, tree, dist); err != nil {
		return fmt.Errorf("making the release: %w", err)
	}
	return errors.Join(tool(dir, "agent", agent), tool(dir, "npm", packages))
}

// copyTree makes a repository with one commit: all that is in this tree, or would be with the next commit.
func copyTree(tree string) error {
	return script(root, `
mkdir "$1"
git ls-files -z --cached --others --exclude-standard | tar --null --ignore-failed-read -cf - -T - 2>/dev/null | tar -xf - -C "$1"
cd "$1"
git init -q -b main
git add -A
git -c user.name=t -c user.email=t@localhost commit -q -m 'As it is'
`, tree)
}

// build makes the release's files for this machine, unless its sources are the same as last time. It returns where they are.
func build(tree string) (string, error) {
	kept, err := filepath.Abs(filepath.Join(root, ".build", "fronts"))
	if err != nil {
		return "", err
	}
	err = script(tree, `mkdir -p "$1" && ln -s "$1" .build && scripts/run.sh version >&2`, kept)
	if err != nil {
		return "", err
	}
	dist, err := filepath.Glob(filepath.Join(kept, "run", "*"))
	if err != nil || len(dist) != 1 {
		return "", fmt.Errorf("run.sh built %v, %v", dist, err)
	}
	return dist[0], nil
}

// version is the release's, and url where GitHub has it.
const (
	version = "v0.0.0"
	url     = "https://github.com/tailjoin/tailjoin/releases/download/" + version
)

// release makes the release's commit: in release/ as it is fetched, and in tailjoin.git to be cloned, by its tag.
func release(dir, tree, dist string) error {
	return script(dir, `
commit=$("$1/scripts/release-commit" "$2" "$3")
git -C "$1" tag `+version+` "$commit"
git clone -q --bare --no-hardlinks "$1" tailjoin.git
mkdir release
git -C "$1" archive "$commit" | tar -xf - -C release
`, tree, dist, url)
}

// tool puts a link there to what get finds, or a file that says why there is none.
func tool(dir, name string, get func() (string, error)) error {
	path, err := get()
	if err != nil {
		return os.WriteFile(filepath.Join(dir, name+".missing"), []byte(err.Error()), 0o600)
	}
	return os.Symlink(path, filepath.Join(dir, name))
}

// agent is buildkite-agent.
func agent() (string, error) {
	return builds.Other(context.Background(), "buildkite-agent", "test/fronts/testdata/agent", "github.com/buildkite/agent/v3")
}

// packages are those of testdata/npm, at the versions of its lock file, which are fetched once and kept.
func packages() (string, error) {
	lock, err := os.ReadFile("testdata/npm/package-lock.json")
	if err != nil {
		return "", err
	}
	dir, err := filepath.Abs(fmt.Sprintf("%s/.build/fronts/npm-%.8x", root, sha256.Sum256(lock)))
	if err != nil {
		return "", err
	}
	return dir, script("testdata/npm", `
[ ! -e "$1/node_modules" ] || exit 0
mkdir -p "$1.new"
cp package.json package-lock.json "$1.new"
(cd "$1.new" && npm ci --ignore-scripts --no-audit --no-fund >&2)
mv "$1.new" "$1"
`, dir)
}

// have is the path of what prepare made, or of what is in it. The test is skipped if it could not be had.
func have(t *testing.T, name ...string) string {
	t.Helper()
	if reason, err := os.ReadFile(filepath.Join(os.Getenv(made), name[0]+".missing")); err == nil {
		t.Skipf("there is no %s: %s", name[0], reason)
	}
	path, err := filepath.EvalSymlinks(filepath.Join(os.Getenv(made), name[0]))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(append([]string{path}, name[1:]...)...)
}

// script runs a few commands in dir, until one fails.
func script(dir, text string, args ...string) error {
	_, err := output(dir, "sh", append([]string{"-euc", text, "sh"}, args...)...)
	return err
}

// output runs a program in dir, and returns what it printed on its standard output.
func output(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if failed := new(exec.ExitError); errors.As(err, &failed) {
		return "", fmt.Errorf("%s in %s: %w\n%s%s", name, dir, err, out, failed.Stderr)
	}
	return string(out), err
}
