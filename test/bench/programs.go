//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

// kept is where programs stay between runs; the working directory is the
// module's root.
const kept = ".build/bench"

// scratch is the variable that names the directory for everything else. It is
// set by the process that builds, so that the isolated one does not.
const scratch = "TAILJOIN_BENCH_SCRATCH"

// programs are what is run. All are stripped, as released.
type programs struct {
	bundle   string // directory that scripts/build made
	tailjoin string
	daemon   string // the bundled tailscaled, unpacked
	floor    string
	serial   string

	fullDaemon, fullCLI string // as Tailscale ships them
}

func locate(ctx context.Context) (programs, error) {
	root, err := filepath.Abs(kept)
	if err != nil {
		return programs{}, err
	}
	p := programs{bundle: filepath.Join(root, "dist"), floor: filepath.Join(root, "floor"), serial: filepath.Join(root, "serial")}
	p.tailjoin = filepath.Join(p.bundle, "tailjoin-"+platform("-"))
	p.daemon = filepath.Join(root, "tailscaled")
	p.fullDaemon, p.fullCLI, err = build.Full(ctx)
	return p, err
}

func platform(separator string) string { return runtime.GOOS + separator + runtime.GOARCH }

// make builds the programs, by the release's own script where it has one.
func (p programs) make(ctx context.Context) error {
	for _, command := range [][]string{
		{"scripts/build", "--out", p.bundle, "--only", platform("/"), "--programs", "tailjoin tailscaled", "--version", "bench"},
		{"go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", p.floor, "./test/bench/floor"},
		{"go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", p.serial, "./test/bench/serial"},
	} {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", command[0], err, out)
		}
	}
	return errors.Join(p.unpack(p.daemon), p.archiveActions(ctx))
}

// packed is the daemon as the bundle carries it.
func (p programs) packed() string {
	return filepath.Join(p.bundle, "tailscaled-"+platform("-")+".zst")
}
