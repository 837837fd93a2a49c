//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// A manner is how a daemon carries packets. What PATH holds is part of it:
// with an iptables there, tailscaled uses that.
type manner struct {
	name      string
	tun       bool
	netfilter bool
	hostPATH  bool
}

var (
	userspace   = manner{name: "userspace: floor"}
	tun         = manner{name: "tun: floor", tun: true}
	tunNFTables = manner{name: "tun: floor, netfilter by nftables", tun: true, netfilter: true}
	tunIPTables = manner{name: "tun: floor, netfilter by iptables", tun: true, netfilter: true, hostPATH: true}
)

// The names of the product's subjects, near and far.
const (
	userspaceWarm, userspaceCold = "userspace: tailjoin, warm", "userspace: tailjoin, cold"
	tunWarm, tunCold             = "tun: tailjoin, warm", "tun: tailjoin, cold"

	farWarm, farCold, farDownloading = "tailjoin, warm", "tailjoin, cold", "tailjoin, downloading"
	serialWay                        = "serial way"
)

// near are the subjects on loopback, where nothing but work takes time.
func near(w *world) []subject {
	subjects := []subject{
		w.floor(userspace),
		{userspaceWarm, w.joinAndLeave(warm, "--network=userspace")},
		{userspaceCold, w.joinAndLeave(w.cold, "--network=userspace")},
		w.floor(tun),
		{tunWarm, w.joinAndLeave(warm, "--network=tun")},
		{tunCold, w.joinAndLeave(w.cold, "--network=tun")},
		w.floor(tunNFTables),
		{stepUnpack, timed(w.unpackBundle)},
		{stepVersionOfOurs, timed(w.startTailjoin)},
	}
	if _, err := exec.LookPath("iptables"); err == nil {
		subjects = append(subjects, w.floor(tunIPTables))
	}
	return subjects
}

// floor measures the bare program in a manner.
func (w *world) floor(m manner) subject {
	return subject{m.name, func(ctx context.Context) (times, error) {
		dir, err := w.newDir()
		if err != nil {
			return nil, err
		}
		join, err := execute(ctx, w.bareJoin(ctx, m, dir))
		if err != nil {
			return nil, err
		}
		t, err := decodeTimes(join.out)
		if err != nil {
			return nil, err
		}
		leave, err := execute(ctx, exec.CommandContext(ctx, w.programs.floor, "leave", "-socket", socketIn(dir)))
		if err != nil {
			return nil, err
		}
		t["join"], t["leave"] = milliseconds(join.lasted), milliseconds(leave.lasted)
		return t, w.nothingLeft()
	}}
}

func socketIn(dir string) string { return filepath.Join(dir, "s") }

// bareJoin gives the floor what tailjoin would find out by itself.
func (w *world) bareJoin(ctx context.Context, m manner, dir string) *exec.Cmd {
	_, key := w.MintKey(localtailnet.KeyOptions{Tags: []string{tag}, Ephemeral: true, Preauthorized: true})
	args := []string{"join", "-socket", socketIn(dir), "-daemon", w.programs.daemon, "-control", w.ControlURL, "-tags", tag}
	if m.netfilter {
		args = append(args, "-netfilter")
	}
	cmd := exec.CommandContext(ctx, w.programs.floor, append(append(args, "--"), m.flags(dir)...)...)
	cmd.Stdin = strings.NewReader(key)
	cmd.Env = append(slices.Clone(quiet), "PATH="+m.path(dir), "HOME="+dir, "TS_LOGS_DIR="+dir)
	return cmd
}

// flags are those that tailjoin gives its daemon.
func (m manner) flags(dir string) []string {
	flags := []string{"--socket=" + socketIn(dir), "--statedir=" + dir, "--state=mem:", "--port=0"}
	if m.tun {
		return append(flags, "--tun=tailscale0")
	}
	const proxy = "127.0.0.1:1055"
	return append(flags, "--tun=userspace-networking", "--socks5-server="+proxy, "--outbound-http-proxy-listen="+proxy)
}

func (m manner) path(dir string) string {
	if m.hostPATH {
		return os.Getenv("PATH")
	}
	return dir
}
