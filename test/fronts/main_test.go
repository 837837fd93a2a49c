//go:build linux

// Package fronts tests what puts a job of another CI than GitHub on a tailnet: GitLab's component, Buildkite's plugin, CircleCI's
// orb, the template for Azure Pipelines and the script for Bitbucket. Each is taken out of a release as a user's job takes it,
// and runs a whole job on a tailnet of its own.
package fronts

import (
	"os"
	"testing"

	"github.com/tailjoin/tailjoin/internal/isolate"
)

// root is the repository's.
const root = "../.."

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run builds what the tests run while there may still be a network, then runs the tests where there is none but loopback.
func run(m *testing.M) int {
	status, isolated := isolate.Main()
	if !isolated {
		return status
	}
	return m.Run()
}
