//go:build linux

// Package world is a machine with a token service on it, for the tests and the
// benchmark of the real program. It is to be used in a machine of internal/isolate.
//
// The machine is a node of a tailnet by a real tailscaled with a network
// interface, and tailjoin-sts serves there with --host: plain HTTP at the
// node's address. Who asks is another node of that tailnet, to tailscaled and
// to the service. Its packets take a short way: its address is one of the
// loopback interface, too, so nothing is encrypted and nothing leaves the
// kernel. What is measured is the service.
package world

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/sts/policy"
	"tailscale.com/tailcfg"
)

// A World is a tailnet of two nodes: the machine, and who asks it.
type World struct {
	*localtailnet.Tailnet
	Machine netip.Addr // the service's
	Caller  netip.Addr

	programs Programs
	dir      string // short: a socket's path must be
	daemon   *exec.Cmd
}

const machineName, callerName = "sts", "web"

// New starts a tailnet and joins both nodes. dir is for files of all kinds. The
// caller is granted the audiences.
func New(ctx context.Context, p Programs, dir string, audiences ...string) (w *World, err error) {
	w = &World{programs: p, dir: dir}
	grant, err := json.Marshal(map[string][]string{"allowedAudiences": audiences})
	if err != nil {
		return nil, err
	}
	if w.Tailnet, err = localtailnet.Start(ctx, localtailnet.Options{Grants: granted(grant)}); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			w.Close()
		}
	}()
	caller, err := w.StartPeer(ctx, localtailnet.PeerOptions{Hostname: callerName, Tags: []string{"tag:web"}})
	if err != nil {
		return w, err
	}
	w.Caller = caller.IP
	if err := command(ctx, "ip", "addr", "replace", w.Caller.String()+"/32", "dev", "lo"); err != nil {
		return w, err
	}
	if err := w.startDaemon(); err != nil {
		return w, err
	}
	return w, w.logIn(ctx)
}

// granted is a policy that gives the caller one grant at the machine.
func granted(grant json.RawMessage) func(src, dst localtailnet.Node) tailcfg.PeerCapMap {
	return func(src, dst localtailnet.Node) tailcfg.PeerCapMap {
		if !strings.HasPrefix(src.Name, callerName+".") || !strings.HasPrefix(dst.Name, machineName+".") {
			return nil
		}
		return tailcfg.PeerCapMap{policy.Capability: {tailcfg.RawMessage(grant)}}
	}
}

func (w *World) socket() string { return filepath.Join(w.dir, "s") }

func (w *World) startDaemon() error {
	w.daemon = exec.Command(w.programs.Daemon, "--tun=tailscale0", "--state=mem:", "--statedir="+w.dir, "--socket="+w.socket(), "--port=0")
	w.daemon.Env = append(os.Environ(), "TS_NO_LOGS_NO_SUPPORT=true", "TS_LOGS_DIR="+w.dir, "TS_DISABLE_PORTMAPPER=1", "TS_ASSUME_NETWORK_UP_FOR_TEST=1")
	return w.daemon.Start()
}

// logIn has no packet filter made: it would drop what seems to come from the
// tailnet by another interface.
func (w *World) logIn(ctx context.Context) error {
	_, key := w.MintKey(localtailnet.KeyOptions{Tags: []string{"tag:sts"}, Preauthorized: true})
	file := filepath.Join(w.dir, "authkey")
	if err := os.WriteFile(file, []byte(key), 0o600); err != nil {
		return err
	}
	err := command(ctx, filepath.Join(filepath.Dir(w.programs.Daemon), "tailscale"), "--socket="+w.socket(), "up", "--login-server="+w.ControlURL,
		"--auth-key=file:"+file, "--hostname="+machineName, "--netfilter-mode=off", "--accept-dns=false", "--timeout=30s")
	if err != nil {
		return err
	}
	for _, n := range w.Nodes() {
		if strings.HasPrefix(n.Name, machineName+".") {
			w.Machine = n.IPs[0]
		}
	}
	return nil
}

// Close takes the machine off the tailnet and ends that.
func (w *World) Close() {
	defer w.Tailnet.Close()
	if w.daemon != nil && w.daemon.Process != nil {
		w.daemon.Process.Signal(syscall.SIGTERM)
		w.daemon.Wait() // its status says by which signal it ended
	}
}

// Dial connects as the caller.
func (w *World) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(w.Caller, 0))}
	return d.DialContext(ctx, network, address)
}

// Client asks as the caller.
func (w *World) Client() *http.Client {
	return &http.Client{Transport: &http.Transport{DialContext: w.Dial}, Timeout: 30 * time.Second}
}

func command(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(append([]string{name}, args...), " "), err, out)
	}
	return nil
}
