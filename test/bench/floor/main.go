//go:build linux

// Command floor is the least that a join and a leave can be: a bare program
// that is given an auth key, starts a tailscaled, drives it by LocalAPI until
// it runs, and ends. It finds nothing, verifies nothing, asks nobody who the
// job is, writes nothing down but the daemon's number, and prints its phases.
//
//	floor join  -socket S -daemon FILE -control URL -tags T [-netfilter] -- FLAGS of tailscaled
//	floor leave -socket S
//	floor nothing
//
// The key is on its input.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"tailscale.com/client/local"
	"tailscale.com/ipn"
	"tailscale.com/types/preftype"
)

// A node is one daemon, and what it is to be on the tailnet.
type node struct {
	socket, daemon, control, tags string
	netfilter                     bool
	args                          []string

	api local.Client
}

func main() {
	if err := run(os.Args[1], os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, "floor:", err)
		os.Exit(1)
	}
}

func run(verb string, args []string) error {
	var n node
	fs := flag.NewFlagSet(verb, flag.ContinueOnError)
	fs.StringVar(&n.socket, "socket", "", "of the LocalAPI")
	fs.StringVar(&n.daemon, "daemon", "", "tailscaled")
	fs.StringVar(&n.control, "control", "", "control server")
	fs.StringVar(&n.tags, "tags", "", "of the node")
	fs.BoolVar(&n.netfilter, "netfilter", false, "have packet filter rules")
	if err := fs.Parse(args); err != nil {
		return err
	}
	n.args = fs.Args()
	// The dialer is the plain one: client/local's own waits for any tailscaled of the host.
	n.api = local.Client{Socket: n.socket, UseSocketOnly: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return net.Dial("unix", n.socket)
	}}
	switch verb {
	case "join":
		return n.join()
	case "leave":
		return n.leave()
	default:
		return nil
	}
}

func (n *node) join() error {
	key, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := n.start(); err != nil {
		return err
	}
	bus, err := n.watch()
	if err != nil {
		return err
	}
	started := time.Now()
	if err := n.logIn(bus, strings.TrimSpace(string(key))); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"daemon": milliseconds(started.Sub(began)), "login": milliseconds(time.Since(started)),
	})
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// start executes the daemon with this program's own environment, its output in
// a file beside the socket, and notes its number there.
func (n *node) start() error {
	log, err := os.Create(n.socket + ".log")
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.Command(n.daemon, n.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	return os.WriteFile(n.socket+".pid", []byte(strconv.Itoa(cmd.Process.Pid)), 0o600)
}

// watch opens the event bus once the socket accepts. The daemon answers when
// its backend is up.
func (n *node) watch() (*local.IPNBusWatcher, error) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(500 * time.Microsecond) {
		conn, err := net.Dial("unix", n.socket)
		if err != nil {
			continue
		}
		conn.Close()
		return n.api.WatchIPNBus(context.Background(), ipn.NotifyInitialState|ipn.NotifyNoNetMap)
	}
	return nil, errors.New("the daemon's socket does not answer")
}

func (n *node) logIn(bus *local.IPNBusWatcher, key string) error {
	prefs := ipn.NewPrefs()
	prefs.ControlURL, prefs.WantRunning, prefs.AdvertiseTags = n.control, true, strings.Split(n.tags, ",")
	prefs.NetfilterMode = preftype.NetfilterOff
	if n.netfilter {
		prefs.NetfilterMode = preftype.NetfilterOn
	}
	ctx := context.Background()
	if err := n.api.Start(ctx, ipn.Options{AuthKey: key, UpdatePrefs: prefs}); err != nil {
		return err
	}
	if err := n.api.StartLoginInteractive(ctx); err != nil {
		return err
	}
	for {
		event, err := bus.Next()
		if err != nil {
			return err
		}
		if event.ErrMessage != nil {
			return errors.New(*event.ErrMessage)
		}
		if event.State != nil && *event.State == ipn.Running {
			return nil
		}
	}
}

func (n *node) leave() error {
	if err := n.api.Logout(context.Background()); err != nil {
		return err
	}
	raw, err := os.ReadFile(n.socket + ".pid")
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(string(raw))
	if err != nil {
		return err
	}
	return stop(pid)
}

func stop(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	if err := unix.Kill(pid, unix.SIGTERM); err != nil {
		return err
	}
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
