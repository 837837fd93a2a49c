//go:build linux

// Package sts tests the token service as it is shipped: the program of a release, on a tailnet, by those who verify its tokens.
package sts

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/tailjoin/tailjoin/internal/isolate"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
	"github.com/tailjoin/tailjoin/test/sts/world"
)

// root is the repository's.
const root = "../.."

func TestMain(m *testing.M) { os.Exit(run(m)) }

// run makes what the tests need while there may still be a network, then runs the tests where there is none but loopback.
func run(m *testing.M) int {
	if _, ok := world.Kept(); !ok {
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
	programs, err := world.Build(ctx, root)
	if err != nil {
		return err
	}
	programs.Keep()
	dir, err := packages()
	if err != nil {
		os.Setenv(packagesMissing, err.Error())
	}
	os.Setenv(packagesAt, dir)
	plugin, err := build.Other(ctx, "vault", "test/sts/testdata/vault", ".")
	if err != nil {
		os.Setenv(vaultMissing, err.Error())
	}
	os.Setenv(vaultAt, plugin)
	return nil
}
