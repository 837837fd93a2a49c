//go:build linux

// Package e2e runs the real program with a real tailscaled against the local
// tailnet, on a machine of its own: see internal/isolate.
package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tailjoin/tailjoin/internal/isolate"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
)

// Programs that every test runs; built once, outside of the isolation, where
// the module proxy can be reached.
var tailjoin, daemon, pusher = "TAILJOIN_TEST_PROGRAM", "TAILJOIN_TEST_DAEMON", "TAILJOIN_TEST_PUSHER"

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if path := os.Getenv(exchanged); path != "" {
		return exchange(path)
	}
	if errno := os.Getenv(refusedPidfd); errno != "" {
		return withoutPidfd(errno)
	}
	if os.Getenv(tailjoin) == "" {
		dir, err := os.MkdirTemp("", "e2e-")
		if err == nil {
			defer os.RemoveAll(dir)
			err = buildPrograms(dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "building what is tested:", err)
			return 1
		}
	}
	status, isolated := isolate.Main()
	if !isolated {
		return status
	}
	if err := emulate(); err != nil {
		fmt.Fprintln(os.Stderr, "emulating a machine:", err)
		return cannotEmulate
	}
	if os.Getenv(headscale) != "" {
		if err := trustHeadscale(); err != nil {
			fmt.Fprintln(os.Stderr, "making an authority:", err)
			return 1
		}
		defer os.RemoveAll(os.Getenv(headscaleCA))
	}
	// An ignored hangup, as nohup has it, would be ignored by every program that is tested.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	// The tests that may run at the same time do little but wait.
	flag.Parse()
	if runtime.GOMAXPROCS(0) < atOnce {
		flag.Set("test.parallel", strconv.Itoa(atOnce))
	}
	return m.Run()
}

const atOnce = 10

// buildPrograms builds the program as a release does.
func buildPrograms(dir string) error {
	tags, err := exec.Command("../../scripts/program-tags").Output()
	if err != nil {
		return err
	}
	program := filepath.Join(dir, "tailjoin")
	cmd := exec.Command("go", "build", "-trimpath", "-tags", strings.TrimSpace(string(tags)), "-o", program, "github.com/tailjoin/tailjoin/cmd/action")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return err
	}
	path, err := build.Daemon(context.Background())
	if err != nil {
		return err
	}
	gitopsPusher, err := build.GitopsPusher(context.Background())
	if err != nil {
		return err
	}
	if wantsHeadscale(os.Args[1:]) {
		path, err := build.Headscale(context.Background())
		if err != nil {
			return err
		}
		os.Setenv(headscale, path)
	}
	tailscale, err := build.CLI(context.Background())
	if err != nil {
		return err
	}
	os.Setenv(cli, tailscale)
	os.Setenv(pusher, gitopsPusher)
	os.Setenv(tailjoin, program)
	os.Setenv(daemon, path)
	return nil
}
