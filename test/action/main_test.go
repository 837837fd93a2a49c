//go:build linux

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

	"github.com/tailjoin/tailjoin/internal/isolate"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
	"golang.org/x/sys/unix"
)

// root is the repository's.
const root = "../.."

// programs names the directory of the programs below, in the environment of the process that runs the tests.
const programs = "TAILJOIN_TEST_PROGRAMS"

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds what the tests run while there may still be a network to fetch modules by,
// then runs the tests where there is none but loopback: act is not to reach out.
func run(m *testing.M) int {
	if os.Getenv(programs) == "" {
		dir, err := buildPrograms()
		defer os.RemoveAll(dir)
		if err != nil {
			fmt.Fprintln(os.Stderr, "building what is tested:", err)
			return 1
		}
		os.Setenv(programs, dir)
	}
	status, isolated := isolate.Main()
	if !isolated {
		return status
	}
	if err := hideTerminals(); err != nil {
		fmt.Fprintln(os.Stderr, "hiding the terminals:", err)
		return 1
	}
	return m.Run()
}

// hideTerminals has act give a step pipes, as a runner does. From a terminal it
// does not read to the end if the step fails, and loses its last lines.
// Source: nektos/act v0.2.89, pkg/container/host_environment.go.
func hideTerminals() error {
	return unix.Mount("/dev/null", "/dev/ptmx", "", unix.MS_BIND, "")
}

// program is the path of a program that buildPrograms made.
func program(name string) string { return filepath.Join(os.Getenv(programs), name) }

// buildPrograms makes act; the stand-in for tailjoin, as of two releases; and dist/, the true release's files for this machine.
func buildPrograms() (dir string, err error) {
	dir, err = os.MkdirTemp("", "tja")
	if err != nil {
		return "", err
	}
	act, err := build.Other(context.Background(), "act", ".", "-modfile=tools/go.mod", "github.com/nektos/act")
	if err != nil {
		return dir, err
	}
	platform, err := command(root, "go", "env", "GOHOSTOS", "GOHOSTARCH")
	if err != nil {
		return dir, err
	}
	return dir, errors.Join(
		os.Symlink(act, filepath.Join(dir, "act")),
		buildStandIn(dir, "1"), buildStandIn(dir, "2"),
		buildDist(filepath.Join(dir, "dist"), strings.Join(strings.Fields(platform), "/")),
	)
}

func buildStandIn(dir, version string) error {
	_, err := command(".", "go", "build", "-ldflags", "-X main.version="+version, "-o", filepath.Join(dir, "standin"+version), "./testdata/standin")
	return err
}

func buildDist(dir, platform string) error {
	_, err := command(root, "scripts/build", "--version", "v0.0.0-test", "--only", platform, "--programs", "tailjoin tailscaled", "--out", dir)
	return err
}

// command runs a program in dir, and returns what it printed on its standard output.
func command(dir, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if failed := new(exec.ExitError); errors.As(err, &failed) {
		return "", fmt.Errorf("%s %s: %w\n%s%s", name, strings.Join(args, " "), err, out, failed.Stderr)
	}
	return string(out), err
}
