//go:build linux

package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"golang.org/x/sys/unix"
)

// A host is a tailscaled that is no job's: with the default socket, a state of
// its own, and logged in to a tailnet of its own.
type host struct {
	*world              // of the job beside it
	own    *world       // of the host
	peer   netip.Addr   // of the host's tailnet
	client *http.Client // reaches that by the host's daemon
}

// mustHost starts one beside a job, and a peer for it to reach.
func (w *world) mustHost(flags ...string) *host {
	w.t.Helper()
	own := newWorld(w.t, localtailnet.Options{Domain: "host.ts.net"})
	h := &host{world: w, own: own, client: &http.Client{Timeout: 5 * time.Second}}
	h.peer = own.mustPeer(localtailnet.PeerOptions{Hostname: "host-server"}).IP
	dir := shortDir(w.t)
	if err := os.MkdirAll("/run/tailscale", 0o755); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { os.RemoveAll("/run/tailscale") })
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(os.Getenv(daemon), append([]string{"--statedir=" + dir, "--port=0"}, flags...)...)
	cmd.Env = append(os.Environ(), "TS_LOGS_DIR="+dir, "TS_NO_LOGS_NO_SUPPORT=true", "TS_DISABLE_PORTMAPPER=1", "TS_ASSUME_NETWORK_UP_FOR_TEST=1")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	w.vars["PATH"] = filepath.Dir(os.Getenv(daemon)) + ":" + w.vars["PATH"]
	h.mustLogIn()
	mustSettleAddresses(w.t)
	return h
}

// mustSettleAddresses waits until the kernel has found that no IPv6 address of
// this machine is used twice. Until then addresses and routes change.
func mustSettleAddresses(t *testing.T) {
	t.Helper()
	changes, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(changes)
	addresses := &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: unix.RTMGRP_IPV6_IFADDR}
	limit := &unix.Timeval{Sec: 10}
	if err := errors.Join(unix.Bind(changes, addresses), unix.SetsockoptTimeval(changes, unix.SOL_SOCKET, unix.SO_RCVTIMEO, limit)); err != nil {
		t.Fatal(err)
	}
	message := make([]byte, 4096)
	for {
		out, err := exec.Command("ip", "-6", "-o", "addr", "show", "tentative").CombinedOutput()
		if err == nil && len(out) == 0 {
			return
		}
		if _, waited := unix.Read(changes, message); err != nil || waited != nil && waited != unix.EINTR {
			t.Fatalf("waiting for the kernel's check of addresses: %v, %v\n%s", err, waited, out)
		}
	}
}

func (h *host) mustLogIn() {
	h.t.Helper()
	_, key := h.own.MintKey(localtailnet.KeyOptions{Tags: []string{"tag:server"}, Preauthorized: true})
	up := exec.Command(filepath.Join(filepath.Dir(os.Getenv(daemon)), "tailscale"),
		"up", "--login-server="+h.own.ControlURL, "--auth-key="+key, "--hostname=host", "--timeout=30s")
	if out, err := up.CombinedOutput(); err != nil {
		h.t.Fatalf("logging the host in: %v\n%s", err, out)
	}
}

// onlyLo is what a daemon says of such a machine once it has run for five
// seconds.
const onlyLo = "\n# Health check:\n#     - Tailscale cannot connect because the network is down. Check your Internet connection.\n"

// state is all that a job could have changed of the machine and its node.
func (h *host) state() map[string]string {
	h.t.Helper()
	state := network(h.t)
	state["prefs"] = h.step("tailscale", "debug", "prefs")
	state["node"] = strings.Replace(h.step("tailscale", "status", "--peers=false"), onlyLo, "", 1)
	state["path"] = h.step("sh", "-c", "command -v tailscale tailscaled")
	return state
}

// wantUntouched fails unless everything is as it was.
func (h *host) wantUntouched(before map[string]string, since string) {
	h.t.Helper()
	if d := cmp.Diff(before, h.state()); d != "" {
		h.t.Errorf("after %s the host is not as it was (-before +after):\n%s", since, d)
	}
}

// keepTalking fetches a page from the peer again and again until the returned
// function is called, which fails the test if one did not come.
func (h *host) keepTalking() (stop func()) {
	ctx, cancel := context.WithCancel(h.t.Context())
	var failed error
	pages := 0
	var talking sync.WaitGroup
	talking.Go(func() {
		pace := time.NewTicker(5 * time.Millisecond)
		defer pace.Stop()
		for ; ctx.Err() == nil && failed == nil; pages++ {
			failed = h.fetch()
			<-pace.C
		}
	})
	return func() {
		h.t.Helper()
		cancel()
		talking.Wait()
		h.t.Logf("the host fetched %d pages meanwhile", pages)
		if failed != nil || pages == 0 {
			h.t.Errorf("then its peer was not to be reached: %v", failed)
		}
	}
}

func (h *host) fetch() error {
	res, err := h.client.Get("http://" + h.peer.String())
	if err != nil {
		return err
	}
	defer res.Body.Close()
	page, err := io.ReadAll(res.Body)
	if err == nil && !strings.Contains(string(page), "You are host.host.ts.net") {
		err = fmt.Errorf("the peer took us for another node: %s", page)
	}
	return err
}

// hosts are the ways in which a machine may have a tailscaled already.
var hosts = map[string]func(*world) *host{
	"tun": func(w *world) *host { return w.mustHost() },
	"userspace": func(w *world) *host {
		h := w.mustHost("--tun=userspace-networking", "--socks5-server=127.0.0.1:1055")
		proxy := &url.URL{Scheme: "socks5", Host: "127.0.0.1:1055"}
		h.client.Transport = &http.Transport{Proxy: http.ProxyURL(proxy)}
		return h
	},
}

func TestHost_isNotTouchedByAJob(t *testing.T) {
	for name, start := range hosts {
		t.Run(name, func(t *testing.T) {
			h := start(newWorld(t, localtailnet.Options{}))
			before := h.state()
			defer h.keepTalking()()

			h.mustPeer(localtailnet.PeerOptions{})
			if out := h.mustJoin("--wait-for=my-server:80"); out["network"] != "userspace" {
				t.Errorf("network %s, want userspace", out["network"])
			}
			h.wantDaemonApart()
			h.wantUntouched(before, "join")
			second := filepath.Join(h.dir, "second")
			h.mustJoin("--session=" + second)
			h.wantUntouched(before, "another join")
			if got := h.run("leave", "--session="+second); got.status != 0 || strings.Contains(got.words, "::warning") {
				t.Errorf("leave ended with %d:\n%s", got.status, got.words)
			}
			h.wantUntouched(before, "one leave")
			h.mustLeave()
			h.wantNothingLeft()
			h.wantUntouched(before, "both leaves")
		})
	}
}

func TestHost_besideIt_rootsStateCannotBeKept(t *testing.T) {
	h := hosts["userspace"](newWorld(t, localtailnet.Options{}))
	before := h.state()
	got := h.run("join", "--statedir="+filepath.Join(h.dir, "kept"))
	if got.status != 2 || !strings.Contains(got.words, "leave out statedir") {
		t.Errorf("join ended with %d:\n%s", got.status, got.words)
	}
	h.wantNothingLeft()
	h.wantUntouched(before, "a join that was refused")
}

// wantDaemonApart fails unless the job's daemon runs as a user of its own,
// without any right over the machine and without a way to gain one.
func (w *world) wantDaemonApart() {
	w.t.Helper()
	for _, pid := range processesNamed(filepath.Join(w.session, "tailscaled")) {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil || !runsApart.Match(status) {
			w.t.Errorf("the daemon has rights (%v):\n%s", err, status)
		}
	}
}

// runsApart matches the status of a process that has a user ID which is no
// user's, not even the ID 65534, and no capability.
var runsApart = regexp.MustCompile(`(?s)\nUid:\t(6[1-5]\d{3})\t.*\nCapEff:\t0{16}\n.*\nNoNewPrivs:\t1\n`)

func TestHost_isNotTouchedByAKilledJoin(t *testing.T) {
	for name, start := range hosts {
		t.Run(name, func(t *testing.T) {
			h := start(newWorld(t, localtailnet.Options{}))
			before := h.state()
			defer h.keepTalking()()
			whole := h.killAt(never, "join")
			h.mustLeave()
			for n := 1; n <= whole.changes; n += 2 {
				killed := h.killAt(moment{change: n, blows: []blow{{syscall.SIGKILL, 0}}}, "join")
				h.wantUntouched(before, "this: "+killed.String())
				h.mustLeave()
				h.wantNothingLeft()
				h.wantUntouched(before, "the leave after this: "+killed.String())
			}
		})
	}
}

// A job's daemon that was killed left nothing that a leave would have to
// restore: what is there is the host's.
func TestHost_isNotTouchedByTheLeaveOfAKilledDaemon(t *testing.T) {
	for name, start := range hosts {
		t.Run(name, func(t *testing.T) {
			h := start(newWorld(t, localtailnet.Options{}))
			before := h.state()
			defer h.keepTalking()()
			h.mustJoin()
			h.killDaemon()
			h.mustLeave()
			h.wantNothingLeft()
			h.wantUntouched(before, "leave")
		})
	}
}

// The host's daemon may come after the job's.
func TestHost_thatStartsDuringAJob_isNotTouchedByItsLeave(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=tun")
	w.killDaemon()
	h := hosts["tun"](w)
	mustRun(t, "rm", "/usr/local/bin/tailscale") // the job's link
	before := h.state()
	defer h.keepTalking()()
	h.mustLeave()
	h.wantNothingLeft()
	h.wantUntouched(before, "leave")
}
