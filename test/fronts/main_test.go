//go:build linux

// Package fronts tests what puts a job of another CI than GitHub on a tailnet: GitLab's component, Buildkite's plugin, CircleCI's
// orb, the template for Azure Pipelines and the script for Bitbucket. Each is taken out of a release as a user's job takes it,
// and runs a whole job on a tailnet of its own.
package fronts

import (
	"fmt"
	"os"
	"testing"

	"github.com/tailjoin/tailjoin/internal/isolate"
)

// root is the repository's.
const root = "../.."

// made names the directory of all that prepare makes, in the environment of the process that runs the tests.
const made = "TAILJOIN_TEST_MADE"

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run makes what the tests need while there may still be a network, then runs the tests where there is none but loopback.
func run(m *testing.M) int {
	if os.Getenv(made) == "" {
		dir, err := os.MkdirTemp("/tmp", "tjf")
		defer os.RemoveAll(dir)
		if err == nil {
			err = prepare(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "preparing the tests:", err)
			return 1
		}
		os.Setenv(made, dir)
	}
	status, isolated := isolate.Main()
	if !isolated {
		return status
	}
	return m.Run()
}
