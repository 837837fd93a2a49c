//go:build linux

package fronts

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// A world is a tailnet with a server on it, and the machine of one job.
type world struct {
	*localtailnet.Tailnet
	t    *testing.T
	home string // of the job's user
	temp string // TMPDIR

	strange []string // files among the sessions of jobs that are not of this one

	token string            // of the job, if its CI puts it into the environment
	env   map[string]string // of every process of the job
}

// An identity is what a CI says of a job, and what of that the trust credential demands.
type identity struct {
	audience any // of the ID token; "" is Tailscale's own
	claims   map[string]any
	subject  string // pattern
}

const (
	client   = "Ttest-CNTRL"
	audience = "api.tailscale.com/" + client
)

func newWorld(t *testing.T, job identity) *world {
	t.Helper()
	// A test's context ends before its clean-up, which needs the tailnet.
	tailnet, err := localtailnet.Start(context.WithoutCancel(t.Context()), localtailnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tailnet.Close)
	if _, err := tailnet.StartPeer(t.Context(), localtailnet.PeerOptions{}); err != nil {
		t.Fatal(err)
	}
	wanted, _ := job.audience.(string)
	tailnet.AddCredential(localtailnet.Credential{
		ClientID: client, Issuer: tailnet.IssuerURL, Subject: job.subject, Audience: wanted,
		Scopes: []string{"auth_keys", "devices:core"}, Tags: []string{"tag:ci"},
	})
	w := &world{Tailnet: tailnet, t: t, home: shortDir(t), temp: shortDir(t)}
	w.strange, _ = filepath.Glob(sessions)
	w.token = w.mint(job)
	w.env = map[string]string{
		"PATH": os.Getenv("PATH"), "HOME": w.home, "TMPDIR": w.temp, "TAILJOIN_RELEASES": w.serveRelease(),
		"XDG_CACHE_HOME":        filepath.Join(os.Getenv(made), "cache"), // as on a machine that has jobs all the time
		"TS_NO_LOGS_NO_SUPPORT": "true", "TS_DISABLE_PORTMAPPER": "1", "TS_ASSUME_NETWORK_UP_FOR_TEST": "1",
	}
	return w
}

func (w *world) mint(job identity) string {
	w.t.Helper()
	claims := maps.Clone(job.claims)
	if several, ok := job.audience.([]string); ok {
		claims["aud"] = several
	}
	token, err := w.Issuer().Mint(audience, claims)
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// authKey is one that somebody minted for the job.
func (w *world) authKey() string {
	_, secret := w.MintKey(localtailnet.KeyOptions{Tags: []string{"tag:ci"}, Ephemeral: true, Preauthorized: true})
	return secret
}

// serveRelease is a mirror with the one release.
func (w *world) serveRelease() string {
	files := http.StripPrefix("/"+version+"/", http.FileServer(http.Dir(have(w.t, "assets"))))
	s := httptest.NewServer(files)
	w.t.Cleanup(s.Close)
	return s.URL
}

func (w *world) environ(more map[string]string) (environ []string) {
	all := maps.Clone(w.env)
	maps.Copy(all, more)
	for name, value := range all {
		environ = append(environ, name+"="+value)
	}
	return environ
}

// sessions are where jobs have theirs, other programs of this machine too: /tmp is shared with it, and with test/e2e, whose names
// say so.
const sessions, ofOthers = "/tmp/tailjoin-*", "/tmp/tailjoin-e2e-"

// server is the one on the tailnet; greeting is what a job's log holds if its command reached it.
const (
	server   = "my-server"
	greeting = "Hello from " + server
)

// wantNothingLeft fails the test unless the job left no trace: no node, no unused key, no process, no file but in the cache.
func (w *world) wantNothingLeft() {
	w.t.Helper()
	for _, node := range w.Nodes() {
		if node.Hostname != server {
			w.t.Errorf("node %s is left", node.Name)
		}
	}
	for _, key := range w.Keys() {
		if key.Usable(time.Now()) {
			w.t.Errorf("an unused key is left: %+v", key)
		}
	}
	for _, dir := range []string{w.temp + "/*", w.temp + "/.*", sessions} {
		left, _ := filepath.Glob(dir)
		left = slices.DeleteFunc(left, func(name string) bool {
			return slices.Contains(w.strange, name) || strings.HasPrefix(name, ofOthers)
		})
		if len(left) > 0 {
			w.t.Errorf("left: %v", left)
		}
	}
	wantNoProcess(w.t)
}

// withoutSecrets returns the result, and fails the test if its log holds a secret. hidden are lines that the CI keeps to itself.
func (w *world) withoutSecrets(got result, hidden *regexp.Regexp) result {
	w.t.Helper()
	log := got.log
	if hidden != nil {
		log = hidden.ReplaceAllString(log, "")
	}
	for _, secret := range append(w.Secrets(), w.token) {
		if strings.Contains(log, secret) {
			w.t.Errorf("the log holds the secret %s", secret)
		}
	}
	return got
}

// wantJoins fails the test unless as many nodes of the job were let in.
func (w *world) wantJoins(want int) {
	w.t.Helper()
	var joins []string
	for _, e := range w.Events() {
		if strings.Contains(e.Detail, " joins with ") && !strings.HasPrefix(e.Detail, server+".") {
			joins = append(joins, e.Detail)
		}
	}
	if len(joins) != want {
		w.t.Errorf("%d nodes of the job joined, want %d: %v", len(joins), want, joins)
	}
}

// wantNoProcess fails the test for every process that a job left behind.
// The machine is ours alone: its first process and this one are all that should be there.
func wantNoProcess(t *testing.T) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		pid, err := strconv.Atoi(filepath.Base(name))
		if err != nil || slices.Contains([]int{1, os.Getpid()}, pid) {
			continue
		}
		if line, _ := os.ReadFile(filepath.Join(name, "cmdline")); !ends(pid, 3*time.Second) {
			t.Errorf("process %d is left: %s", pid, bytes.ReplaceAll(line, []byte{0}, []byte(" ")))
			unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// ends says whether the process ends in time; it may be on its way already.
func ends(pid int, within time.Duration) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return true
	}
	defer unix.Close(fd)
	n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(within.Milliseconds()))
	return n > 0
}

// shortDir is a directory whose path leaves room for sockets below it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "f")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// when is closed once cond holds.
func (w *world) when(cond func() bool) <-chan struct{} {
	held := make(chan struct{})
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if w.t.Context().Err() != nil {
				return
			}
			if cond() {
				close(held)
				return
			}
		}
	}()
	return held
}

// hit is closed once a request meets the fault that an operation has.
func (w *world) hit(op string) <-chan struct{} {
	return w.when(func() bool {
		return slices.ContainsFunc(w.Events(), func(e localtailnet.Event) bool { return e.Op == op && strings.HasPrefix(e.Detail, "fault") })
	})
}

// forgetNodes takes the job's nodes off the tailnet, as control does when ephemeral ones have been gone for some time.
func (w *world) forgetNodes() {
	for _, node := range w.Nodes() {
		if node.Hostname != server && node.Ephemeral {
			w.RemoveNode(node.ID)
		}
	}
}
