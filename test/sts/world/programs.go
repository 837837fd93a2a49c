//go:build linux

package world

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"

	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

// Programs are what a world runs, each by its path.
type Programs struct {
	Service string // tailjoin-sts, as released
	Daemon  string // tailscaled; its CLI is beside it
}

// Build makes the programs, where Go may still fetch modules. root is the
// module's directory.
func Build(ctx context.Context, root string) (p Programs, err error) {
	out, err := filepath.Abs(filepath.Join(root, ".build", "sts"))
	if err != nil {
		return p, err
	}
	platform := runtime.GOOS + "/" + runtime.GOARCH
	cmd := exec.CommandContext(ctx, filepath.Join(root, "scripts/build"), "--programs", "tailjoin-sts", "--out", out, "--only", platform, "--version", "test")
	if text, err := cmd.CombinedOutput(); err != nil {
		return p, fmt.Errorf("building tailjoin-sts: %w\n%s", err, text)
	}
	p.Service = filepath.Join(out, "tailjoin-sts-"+runtime.GOOS+"-"+runtime.GOARCH)
	p.Daemon, err = build.Daemon(ctx)
	return p, err
}

// The variables by which the process that builds tells the isolated one.
const (
	serviceVariable = "TAILJOIN_TEST_SERVICE"
	daemonVariable  = "TAILJOIN_TEST_DAEMON"
)

// Keep has Kept find the programs in the processes that this one starts.
func (p Programs) Keep() {
	os.Setenv(serviceVariable, p.Service)
	os.Setenv(daemonVariable, p.Daemon)
}

// Kept are the programs that a process before this one built.
func Kept() (p Programs, ok bool) {
	p = Programs{Service: os.Getenv(serviceVariable), Daemon: os.Getenv(daemonVariable)}
	return p, p.Service != "" && p.Daemon != ""
}
