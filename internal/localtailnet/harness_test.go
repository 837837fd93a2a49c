//go:build unix

package localtailnet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
	"tailscale.com/client/local"
	"tailscale.com/ipn"
)

// patience is for a machine that is busy with other tests.
const patience = 30 * time.Second

// A daemon is a real tailscaled in userspace mode, as a CI job has it.
type daemon struct {
	*local.Client
	cmd   *exec.Cmd
	socks string // address of its SOCKS5 proxy
	log   string
}

func startDaemon(t *testing.T) *daemon {
	t.Helper()
	binary, err := build.Daemon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "d") // short: a socket's path ends at 104 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	d := &daemon{
		Client: &local.Client{Socket: filepath.Join(dir, "s"), UseSocketOnly: true},
		socks:  freePort(t),
		log:    filepath.Join(dir, "log"),
	}
	d.cmd = exec.Command(binary,
		"--tun=userspace-networking", "--state=mem:", "--statedir="+dir,
		"--socket="+d.Socket, "--socks5-server="+d.socks)
	d.cmd.Env = append(os.Environ(), "TS_NO_LOGS_NO_SUPPORT=true", "TS_LOGS_DIR="+dir,
		"TS_DISABLE_PORTMAPPER=1", "TS_ASSUME_NETWORK_UP_FOR_TEST=1")
	d.run(t)
	return d
}

func (d *daemon) run(t *testing.T) {
	t.Helper()
	log, err := os.Create(d.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.cmd.Stdout, d.cmd.Stderr = log, log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.cmd.Process.Kill()
		d.cmd.Wait()
		if t.Failed() {
			out, _ := os.ReadFile(d.log)
			t.Logf("tailscaled:\n%s", out)
		}
	})
	for ctx := deadline(t); ctx.Err() == nil; {
		if c, err := net.Dial("unix", d.Socket); err == nil {
			c.Close()
			return
		}
	}
	t.Fatal("tailscaled does not listen")
}

func freePort(t *testing.T) string {
	t.Helper()
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return "127.0.0.1:" + port
}

func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// login says what tailscale up says: this key, this hostname, these tags. It
// returns the state that the daemon comes to rest in, or the error it shows.
func (d *daemon) login(t *testing.T, tn *Tailnet, authKey string, tags ...string) (ipn.State, error) {
	t.Helper()
	ctx := deadline(t)
	prefs, err := d.GetPrefs(ctx)
	if err != nil {
		t.Fatal(err)
	}
	prefs.ControlURL, prefs.Hostname = tn.ControlURL, "ci-1"
	prefs.WantRunning, prefs.LoggedOut = true, false
	prefs.AdvertiseTags = tags
	bus, err := d.WatchIPNBus(ctx, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	if err := d.Start(ctx, ipn.Options{AuthKey: authKey, UpdatePrefs: prefs}); err != nil {
		t.Fatal(err)
	}
	if err := d.StartLoginInteractive(ctx); err != nil {
		t.Fatal(err)
	}
	return settled(bus)
}

// settled waits for news that only somebody else could change.
func settled(bus *local.IPNBusWatcher) (ipn.State, error) {
	for {
		n, err := bus.Next()
		switch {
		case err != nil:
			return ipn.NoState, err
		case n.ErrMessage != nil && strings.Contains(*n.ErrMessage, "will retry"): // control asked it to wait
		case n.ErrMessage != nil:
			return ipn.NoState, errors.New(*n.ErrMessage)
		case n.BrowseToURL != nil && *n.BrowseToURL != "":
			return ipn.NeedsLogin, fmt.Errorf("asks to log in at a web page")
		case n.State != nil && (*n.State == ipn.Running || *n.State == ipn.NeedsMachineAuth):
			return *n.State, nil
		}
	}
}

// mustJoin logs a new daemon in with a key of these options.
func mustJoin(t *testing.T, tn *Tailnet, o KeyOptions) *daemon {
	t.Helper()
	d := startDaemon(t)
	_, key := tn.MintKey(o)
	state, err := d.login(t, tn, key)
	if err != nil || state != ipn.Running {
		t.Fatalf("got state %v, %v; want Running", state, err)
	}
	return d
}

// until waits for cond on the tailnet.
func until(t *testing.T, tn *Tailnet, what string, cond func() bool) {
	t.Helper()
	if err := tn.WaitFor(deadline(t), cond); err != nil {
		t.Fatalf("waiting until %s: %v; nodes %+v", what, err, tn.Nodes())
	}
}

// get fetches a page over the tailnet by way of the daemon's SOCKS5 proxy,
// which resolves the name. The proxy gives a connection up after five seconds,
// and WireGuard sends a lost handshake again after five: so get tries again.
func (d *daemon) get(t *testing.T, page string) string {
	t.Helper()
	proxy := http.ProxyURL(&url.URL{Scheme: "socks5h", Host: d.socks})
	c := http.Client{Transport: &http.Transport{Proxy: proxy, DisableKeepAlives: true}, Timeout: patience}
	resp, err := c.Get(page)
	for ctx := deadline(t); err != nil && ctx.Err() == nil; {
		resp, err = c.Get(page)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s %q %v", page, resp.Status, body, err)
	}
	return string(body)
}

var ciKey = KeyOptions{Tags: []string{"tag:ci"}, Ephemeral: true, Preauthorized: true}
