//go:build linux

package action

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// The jobs below run what a release carries, on a tailnet of their own: join is join, and what is left would be left of a node.

// A fault is what goes wrong at the tailnet, and op is where.
type fault struct {
	op string
	localtailnet.Fault
}

var hang = localtailnet.Fault{Hang: true}

// useTailnet is a step that can only pass on the tailnet.
const useTailnet = `tailscale ip -4 | grep -qx "${{ steps.tailnet.outputs.ipv4 }}"`

var realEndings = []struct {
	name   string
	then   string
	env    map[string]string
	fault  fault  // the job is cancelled when it hits something
	cancel string // or when the log holds this
	exit   int
}{
	{name: "success", then: useTailnet},
	{name: "a later step fails", then: useTailnet + " && exit 3", exit: 1},
	{name: "join fails", then: "true", env: map[string]string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of somebody else"}, exit: 1},
	{name: "cancelled while its identity is checked", then: "true", fault: fault{localtailnet.OpExchange, hang}, exit: 1},
	{name: "cancelled while its key is made", then: "true", fault: fault{localtailnet.OpKeys, hang}, exit: 1},
	{name: "cancelled while the node is let in", then: "true", fault: fault{localtailnet.OpRegister, hang}, exit: 1},
	{name: "cancelled in a later step", then: "echo later; exec sleep 60", cancel: "| later", exit: 1},
	{name: "the workspace is wiped", then: `find "$GITHUB_WORKSPACE" -mindepth 1 -maxdepth 1 -exec rm -rf {} +`},
}

func TestRealAct_nothingIsLeftHoweverTheJobEnds(t *testing.T) {
	nothingIsLeftHoweverTheJobEnds(t, releaseOf(t, program("dist")))
}

func TestNodeRealAct_nothingIsLeftHoweverTheJobEnds(t *testing.T) {
	nothingIsLeftHoweverTheJobEnds(t, releaseOf(t, program("dist")).node())
}

func nothingIsLeftHoweverTheJobEnds(t *testing.T, ours action) {
	for _, end := range realEndings {
		if ours.path != "" && end.fault.op != "" {
			continue // act kills a step of node, and then waits for the join. See TestNodeReal_leavesWhenCancelledInJoin.
		}
		t.Run(end.name, func(t *testing.T) {
			w := newWorld(t)
			env := w.env()
			maps.Copy(env, end.env)
			got := job{
				steps:   []string{uses("tailnet", ours, w.with()), runs(end.then)},
				actions: []action{ours},
				env:     env,
				cancel:  end.cancel,
				stop:    w.hit(end.fault),
			}.run(t)

			if got.exit != end.exit {
				t.Errorf("act's exit status: got %d, want %d", got.exit, end.exit)
			}
			w.wantNothingLeft(got)
			if t.Failed() {
				t.Log(got.log)
			}
		})
	}
}

func TestRealAct_twoTailnetsInAJob(t *testing.T) {
	ours := releaseOf(t, program("dist"))
	one, two := newWorld(t), newWorld(t)
	env := one.env()
	// Both runtimes would hand out ID tokens; a job has one.
	two.trust(one.IssuerURL)
	got := job{
		steps: []string{
			uses("tailnet", ours, one.with()),
			uses("second", ours, two.with()),
			runs(`test "${{ steps.tailnet.outputs.socket }}" != "${{ steps.second.outputs.socket }}"`),
			runs(useTailnet),
		},
		actions: []action{ours},
		env:     env,
	}.run(t)

	if got.exit != 0 || strings.Count(got.log, "left the tailnet") != 2 {
		t.Errorf("act's exit status: got %d, want 0, and two nodes to leave\n%s", got.exit, got.log)
	}
	one.wantNothingLeft(got)
	two.wantNothingLeft(got)
}

// A world is a tailnet, and what is to be seen of a job on it.
type world struct {
	*localtailnet.Tailnet
	t *testing.T
}

const client = "Ttest-CNTRL"

func newWorld(t *testing.T) *world {
	t.Helper()
	tailnet, err := localtailnet.Start(t.Context(), localtailnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tailnet.Close)
	w := &world{tailnet, t}
	w.trust(tailnet.IssuerURL)
	return w
}

// trust lets jobs in that an issuer vouches for.
func (w *world) trust(issuer string) {
	w.AddCredential(localtailnet.Credential{
		ClientID: client, Issuer: issuer, Subject: "repo:*",
		Scopes: []string{"auth_keys", "devices:core"}, Tags: []string{"tag:ci"},
	})
}

// with is what the action is given.
func (w *world) with() string {
	return `{ oauth-client-id: ` + client + `, tags: "tag:ci", timeout: 40s, login-server: "` + w.ControlURL + `" }`
}

// env is what the runner and the machine add to a job.
func (w *world) env() map[string]string {
	return map[string]string{
		"ACTIONS_ID_TOKEN_REQUEST_URL":   w.IDTokenRequestURL,
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": w.IDTokenRequestToken,
		"TS_NO_LOGS_NO_SUPPORT":          "true",
		"TS_DISABLE_PORTMAPPER":          "1",
		"TS_ASSUME_NETWORK_UP_FOR_TEST":  "1",
	}
}

// hit sets a fault, and returns what is closed when a request meets it.
func (w *world) hit(f fault) <-chan struct{} {
	if f.op == "" {
		return nil
	}
	if err := w.SetFault(f.op, f.Fault); err != nil {
		w.t.Fatal(err)
	}
	met := make(chan struct{})
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for range tick.C {
			if w.t.Context().Err() != nil {
				return
			}
			if slices.ContainsFunc(w.Events(), func(e localtailnet.Event) bool { return e.Op == f.op && strings.HasPrefix(e.Detail, "fault") }) {
				w.SetFault(f.op, localtailnet.Fault{}) // leave is to find all well
				close(met)
				return
			}
		}
	}()
	return met
}

var sessionIn = regexp.MustCompile(`set-output:: session=(\S+)`)

// wantNothingLeft fails unless the job left no trace: no node, no unused key, no process, no file.
func (w *world) wantNothingLeft(got result) {
	w.t.Helper()
	for _, node := range w.Nodes() {
		if slices.Contains(node.Tags, "tag:ci") {
			w.t.Errorf("node %s is left", node.Name)
		}
	}
	for _, key := range w.Keys() {
		if key.Usable(time.Now()) {
			w.t.Errorf("an unused key is left: %+v", key)
		}
	}
	for _, session := range sessionIn.FindAllStringSubmatch(got.log, -1) {
		if _, err := os.Lstat(session[1]); !os.IsNotExist(err) {
			w.t.Errorf("the session directory is left: %s", session[1])
		}
	}
	wantNoProcess(w.t)
}

// releaseOf makes a release commit of this tree with dist/ as it was built.
func releaseOf(t *testing.T, dist string) action {
	t.Helper()
	dir := tree(t)
	entries, err := os.ReadDir(dist)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		copyFile(t, filepath.Join(dist, e.Name()), filepath.Join(dir, "dist", e.Name()))
	}
	return resolved(t, commit(t, "tailjoin/tailjoin", dir))
}
