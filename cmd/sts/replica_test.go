//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localetcd"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/localtailnet/build"
	"tailscale.com/tailcfg"
)

const audience = "https://api.example.com"

// A fleet is several replicas of the service behind one issuer's URL, which
// share their keys in a real etcd.
type fleet struct {
	t        *testing.T
	tailnet  *localtailnet.Tailnet
	etcd     *localetcd.Server
	issuer   string
	rotation string // of the configuration
	lifetime time.Duration
	web      *caller
	replicas []*replica
}

func grantAll(src, _ localtailnet.Node) tailcfg.PeerCapMap {
	if !strings.HasPrefix(src.Name, "web.") {
		return nil
	}
	return tailcfg.PeerCapMap{"tailjoin.github.io/cap/sts": {`{"allowedAudiences":["https://*.example.com"]}`}}
}

func newFleet(t *testing.T, size int, lifetime time.Duration, rotation string) *fleet {
	t.Helper()
	if _, err := build.Etcd(t.Context()); err != nil {
		t.Skipf("there is no etcd: %v", err)
	}
	server, err := localetcd.Start(t.Context(), localetcd.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	f := &fleet{t: t, tailnet: tailnet(t, localtailnet.Options{Grants: grantAll}), etcd: server, rotation: rotation, lifetime: lifetime}
	f.web = join(t, f.tailnet, "web", "tag:web")
	f.issuer = f.balance()
	for i := range size {
		f.replicas = append(f.replicas, f.replica(fmt.Sprintf("sts-%d", i+1)))
	}
	return f
}

// A replica is the program in a process of its own, with a way to etcd that
// can be cut.
type replica struct {
	name, url, config string
	ops               string // address for operators
	etcd              *gate
	log               *buffer

	mu    sync.Mutex
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
}

// replica is one that was not started yet.
func (f *fleet) replica(name string) *replica {
	dir := f.t.TempDir()
	r := &replica{
		name: name, url: "http://" + name + ".tail10ca1.ts.net", config: filepath.Join(dir, "config.yaml"),
		ops: "127.0.0.1:" + freePort(f.t), etcd: newGate(f.t, f.etcd.URL),
	}
	config := fmt.Sprintf(`
server: {tls: off, issuer: '%s', opsListen: '%s', rate: 0}
tsnet: {hostname: %s, stateDir: %s}
tokens:
  lifetime: %v
  allowedAudiences: ['%s']
  audiences: [{match: 'https://ed.example.com', algorithm: EdDSA}]
signingKey: {storage: etcd, etcd: {endpoints: ['%s']}, rotation: {%s}}
audit: {path: %s}
`, f.issuer, r.ops, name, filepath.Join(dir, "node"), f.lifetime, audience, r.etcd.url(), f.rotation, filepath.Join(dir, "audit.jsonl"))
	if err := os.WriteFile(r.config, []byte(config), 0o600); err != nil {
		f.t.Fatal(err)
	}
	return r
}

// start runs the program. Only the first time it needs a key for the tailnet.
func (f *fleet) start(r *replica) {
	f.t.Helper()
	cmd := exec.Command(os.Args[0], "serve", "--config", r.config)
	r.log = newBuffer()
	cmd.Env = append(os.Environ(), asProgram+"=1", "TS_CONTROL_URL="+f.tailnet.ControlURL, mintKey(f.tailnet, "tag:sts"))
	cmd.Stdout, cmd.Stderr = r.log, r.log
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	r.mu.Lock()
	r.cmd, r.ended = cmd, ended
	r.mu.Unlock()
	f.t.Cleanup(func() {
		r.kill()
		if f.t.Failed() {
			f.t.Logf("the log of %s:\n%s", r.name, r.log)
		}
	})
}

func (r *replica) kill() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cmd.Process.Kill()
	<-r.ended
}

// isReady asks as a load balancer does.
func (r *replica) isReady() bool {
	res, err := (&http.Client{Timeout: time.Second}).Get("http://" + r.ops + "/readyz")
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// step is a test of its own, with the fleet as the one before left it.
func (f *fleet) step(name string, do func()) {
	all := f.t
	all.Run(name, func(t *testing.T) {
		f.t = t
		defer func() { f.t = all }()
		do()
	})
}

// until waits for something that nobody says.
func (f *fleet) until(what string, holds func() bool) {
	f.t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(patience); time.Now().Before(end); <-again.C {
		if holds() {
			return
		}
	}
	f.t.Fatalf("it never came that %s", what)
}

// get asks a replica over the tailnet.
func (f *fleet) get(r *replica, path string) (status int, header http.Header, body string) {
	f.t.Helper()
	res, err := f.web.Get(r.url + path)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(raw)
}

const keysPath = "/.well-known/jwks.json"

// balance is a load balancer at the issuer's address, which shows what the
// replicas publish, one after the other: those that are ready, and if none is,
// any.
func (f *fleet) balance() string {
	var turn atomic.Int64
	return serveHTTP(f.t, func(w http.ResponseWriter, req *http.Request) {
		ctx, cancel := context.WithTimeout(req.Context(), 10*time.Second)
		defer cancel()
		for ctx.Err() == nil {
			n := int(turn.Add(1)) % len(f.replicas)
			all := slices.Concat(f.replicas[n:], f.replicas[:n])
			show := func(r *replica) bool { return f.relay(ctx, w, req.URL.Path, r) }
			if slices.ContainsFunc(all, func(r *replica) bool { return r.isReady() && show(r) }) || slices.ContainsFunc(all, show) {
				return
			}
		}
		http.Error(w, "no replica answers", http.StatusBadGateway)
	})
}

// relay shows what one replica does, if it does.
func (f *fleet) relay(ctx context.Context, w http.ResponseWriter, path string, r *replica) bool {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, r.url+path, nil)
	if err != nil {
		return false
	}
	res, err := f.web.Do(ask)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return false
	}
	w.Header().Set("Cache-Control", res.Header.Get("Cache-Control"))
	w.Header().Set("Content-Type", res.Header.Get("Content-Type"))
	w.Write(body)
	return true
}

func serveHTTP(t *testing.T, h http.HandlerFunc) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	return "http://" + l.Addr().String()
}
