//go:build linux

// Package wine runs the program for Windows, with the daemon that releases have for it, against the local tailnet. wine is not
// Windows: what a test here shows is that the program does the right calls, not what Windows answers.
package wine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/tailjoin/tailjoin/internal/isolate"
	"github.com/tailjoin/tailjoin/test/wine/machine"
)

// root is the repository's.
const root = "../.."

// releaseAt names the directory of what is tested, which is made outside of the isolation.
const releaseAt = "TAILJOIN_TEST_WINDOWS_RELEASE"

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if machine.Missing() != "" {
		return m.Run() // each test is skipped
	}
	if os.Getenv(releaseAt) == "" {
		if err := prepare(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "preparing the tests:", err)
			return 1
		}
	}
	status, isolated := isolate.Main()
	if !isolated {
		return status
	}
	return m.Run()
}

func prepare(ctx context.Context) error {
	release, err := machine.Release(ctx, root)
	if err != nil {
		return err
	}
	os.Setenv(releaseAt, release)
	return errors.Join(buildUnits(ctx), buildInstalled(ctx), buildPipe(ctx), buildPost(ctx))
}
