//go:build linux

package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
	"golang.org/x/sys/unix"
)

// What is injected into the part that is far away.
const (
	roundTrip = 40 * time.Millisecond
	bandwidth = 50_000_000 // bytes per second of the package server
)

// newFarWorld has a package server with the archive that Tailscale would ship.
func newFarWorld(ctx context.Context, p programs) (*world, error) {
	w, err := newWorld(ctx, p, "far", localtailnet.Options{Latency: roundTrip, Bandwidth: bandwidth, PackagesDir: filepath.Join(kept, "packages")})
	if err != nil {
		return nil, err
	}
	if err := w.Packages().Add(p.release()); err != nil {
		return nil, err
	}
	return w, os.WriteFile(w.file("root.pem"), w.Packages().RootKey, 0o600)
}

func (p programs) release() localtailnet.Release {
	return localtailnet.Release{Version: build.Version(), Daemon: p.fullDaemon, CLI: p.fullCLI}
}

// archive is the release as it lies in the package server's directory.
func (p programs) archive() string { return filepath.Join(kept, "packages", p.release().Path()) }

// far are the subjects 40 ms away: the product, the serial way, and each step
// alone. All have a network interface, the default where one can be had.
func far(w *world) []subject {
	subjects := []subject{
		{serialWay, w.serial},
		{farCold, w.joinAndLeave(w.cold)},
		{farWarm, w.joinAndLeave(warm)},
		{farDownloading, w.joinAndLeave(w.cold, "--install=download", "--mirror="+w.PackagesURL, "--mirror-key="+w.file("root.pem"))},
		{jobOfSerial, w.serialJob},
		{jobOfOurs, w.ourJob},
		w.floor(tun),
	}
	return append(subjects, w.steps()...)
}

// serial measures the way of today's action.
func (w *world) serial(ctx context.Context) (times, error) {
	dir, err := w.newDir()
	if err != nil {
		return nil, err
	}
	run := func(verb string) (process, error) {
		cmd := exec.CommandContext(ctx, w.programs.serial, verb, "-dir", dir, "-packages", w.PackagesURL,
			"-version", build.Version(), "-control", w.ControlURL, "-client", clientID, "-tags", tag)
		cmd.Env = w.environment()
		return execute(ctx, cmd)
	}
	join, err := run("join")
	if err != nil {
		return nil, err
	}
	t, err := decodeTimes(join.out)
	if err != nil {
		return nil, err
	}
	leave, err := run("leave")
	if err != nil {
		return nil, err
	}
	t["join"], t["leave"] = milliseconds(join.lasted), milliseconds(leave.lasted)
	return t, w.afterSerial(filepath.Join(dir, "tailscaled.pid"))
}

// afterSerial makes the machine ready for the next: that way neither waits for
// its daemon nor removes what it installed.
func (w *world) afterSerial(pidFile string) error {
	raw, err := os.ReadFile(pidFile)
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(string(raw))
	if err != nil {
		return err
	}
	if err := awaitExit(pid); err != nil {
		return err
	}
	return errors.Join(os.Remove("/usr/local/bin/tailscale"), os.Remove("/usr/local/bin/tailscaled"), w.nothingLeft())
}

// awaitExit returns when a process that is no child of ours has ended.
func awaitExit(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
		switch {
		case errors.Is(err, unix.EINTR):
		case err == nil && n == 0:
			return errors.New("a daemon of the serial way does not end")
		default:
			return err
		}
	}
}
