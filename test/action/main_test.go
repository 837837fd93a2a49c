// Package action tests the action as a job meets it: action.yml, the hook in post/, scripts/run.sh,
// and all of them together under act, which runs workflows on this machine, without containers.
package action

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is the repository's.
const root = "../.."

// inside marks the test process that runs isolated. Its value is the directory that holds the programs below.
const inside = "TAILJOIN_TEST_PROGRAMS"

// TestMain builds what the tests run while there may still be a network to fetch modules by,
// then runs the tests where there is none but loopback: act is not to reach out.
func TestMain(m *testing.M) {
	if os.Getenv(inside) != "" {
		exitOn(enter())
		os.Exit(m.Run())
	}
	dir, err := os.MkdirTemp("", "tja")
	exitOn(err)
	exitOn(errors.Join(buildAct(dir), buildStandIns(dir)))
	code, err := runIsolated(dir)
	os.RemoveAll(dir)
	exitOn(err)
	os.Exit(code)
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// program is the path of a program that TestMain built.
func program(name string) string { return filepath.Join(os.Getenv(inside), name) }

// buildAct copies act from Go's build cache, where `go tool` keeps it.
func buildAct(dir string) error {
	path, err := command(root, "go", "tool", "-modfile=tools/go.mod", "-n", "act")
	if err != nil {
		return err
	}
	return os.Symlink(strings.TrimSpace(path), filepath.Join(dir, "act"))
}

// buildStandIns builds the stand-in twice, as two releases would.
func buildStandIns(dir string) error {
	for _, version := range []string{"1", "2"} {
		_, err := command(".", "go", "build", "-ldflags", "-X main.version="+version, "-o", filepath.Join(dir, "standin"+version), "./testdata/standin")
		if err != nil {
			return err
		}
	}
	return nil
}

// command runs a program in dir, and returns what it printed on its standard output.
func command(dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if failed := new(exec.ExitError); errors.As(err, &failed) {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, failed.Stderr)
	}
	return string(out), err
}
