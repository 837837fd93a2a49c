//go:build linux

package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

func TestLeave_withoutASession_hasNothingToDo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	got := w.run("leave")
	if got.status != 0 || strings.Contains(got.words, "::warning") {
		t.Errorf("leave ended with %d:\n%s", got.status, got.words)
	}
	wantWords(t, got, "nothing to leave")
	if events := w.Events(); len(events) > 0 {
		t.Errorf("it asked for %v", events)
	}
}

func TestLeave_mayBeCalledAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=userspace")
	w.mustLeave()
	w.wantNothingLeft()
	w.mustLeave()
	w.mustJoin("--network=userspace")
	w.mustLeave()
	w.wantNothingLeft()
}

func TestLeave_afterTheDaemonWasKilled_deletesTheNodeWithAFreshIDToken(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=userspace")
	w.killDaemon()
	if nodes := w.jobNodes(); len(nodes) != 1 {
		t.Fatalf("nodes %v, want the job's", nodes)
	}

	w.mustLeave()
	w.wantNothingLeft()
	if deleted := withStatus(w.events(localtailnet.OpDevices), 200); len(deleted) != 1 {
		t.Errorf("deletions: %v, want one", deleted)
	}
	if tokens := withStatus(w.events(localtailnet.OpIDToken), 200); len(tokens) != 2 {
		t.Errorf("ID tokens: %v, want two", tokens)
	}
	for _, e := range w.events(localtailnet.OpExchange) {
		if strings.Contains(e.Detail, "REPLAYED") {
			t.Errorf("an ID token was sent twice: %v", e)
		}
	}
}

func TestLeave_afterTheDaemonWasKilled_needsTheSecretAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.AddCredential(localtailnet.Credential{ClientID: "x", Secret: "tskey-client-x-y", Scopes: []string{"auth_keys", "devices:core"}, Tags: []string{"tag:ci"}})
	w.identify(map[string]string{"OAUTH_SECRET": "tskey-client-x-y"})
	w.mustJoin("--network=userspace")
	w.killDaemon()
	w.mustLeave()
	w.wantNothingLeft()
}

func TestLeave_whenTheNodeWasDeletedAlready(t *testing.T) {
	t.Parallel()
	for _, killed := range []bool{false, true} {
		t.Run(map[bool]string{false: "the daemon runs", true: "the daemon is gone"}[killed], func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, localtailnet.Options{})
			out := w.mustJoin("--network=userspace")
			if killed {
				w.killDaemon()
			}
			w.RemoveNode(out["node-id"])
			w.mustLeave()
			w.wantNothingLeft()
		})
	}
}

// longest is what a runner leaves to a cancelled job.
const longest = 45 * time.Second

func TestLeave_controlThatHangs_deletesTheNodeThroughTheAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=userspace")
	w.fault(localtailnet.OpRegister, localtailnet.Fault{Hang: true})
	began := time.Now()
	got := w.run("leave")
	if took := time.Since(began); got.status != 0 || took > longest {
		t.Errorf("leave ended after %v with %d:\n%s", took, got.status, got.words)
	}
	w.wantNothingLeft()
}

func TestLeave_everythingHangs_endsInTimeWithAWarning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=userspace")
	for _, op := range []string{localtailnet.OpRegister, localtailnet.OpMap, localtailnet.OpExchange, localtailnet.OpKeys, localtailnet.OpDevices, localtailnet.OpIDToken} {
		w.fault(op, localtailnet.Fault{Hang: true})
	}
	began := time.Now()
	got := w.run("leave")
	if took := time.Since(began); got.status != 0 || took > longest {
		t.Errorf("leave ended after %v with %d:\n%s", took, got.status, got.words)
	}
	wantWords(t, got, "::warning", "the node stays until")
	if left := processesOf(w.session); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

func TestLeave_controlThatIsGone_endsSoonWithAWarning(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=userspace")
	w.Close()
	began := time.Now()
	got := w.run("leave")
	if took := time.Since(began); got.status != 0 || took > 20*time.Second {
		t.Errorf("leave ended after %v with %d:\n%s", took, got.status, got.words)
	}
	wantWords(t, got, "::warning", "the node stays until")
}

// corrupt makes the session's file what no join of ours writes.
func (w *world) corrupt(change func(record map[string]any)) {
	w.t.Helper()
	path := filepath.Join(w.session, "session.jsonl")
	raw, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	record := decode[map[string]any](w.t, string(raw[bytes.LastIndexByte(raw, '\n')+1:]))
	change(record)
	if raw, err = json.Marshal(record); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func TestLeave_sessionThatCannotBeRead_endsTheDaemonAllTheSame(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=userspace")
	if err := os.WriteFile(filepath.Join(w.session, "session.jsonl"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := w.run("leave")
	if got.status != 0 {
		t.Errorf("leave ended with %d", got.status)
	}
	wantWords(t, got, "::warning", "reading session")
	w.wantNothingLeft()
}

func TestLeave_sessionThatPointsElsewhere_touchesNothingThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=userspace")
	bystander := exec.Command("sleep", "600")
	if err := bystander.Start(); err != nil {
		t.Fatal(err)
	}
	defer bystander.Process.Kill()
	target, link := filepath.Join(w.dir, "target"), filepath.Join(w.dir, "link")
	socket := filepath.Join(w.dir, "socket")
	for _, err := range []error{os.WriteFile(target, nil, 0o600), os.Symlink(target, link), os.WriteFile(socket, nil, 0o600)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	w.corrupt(func(record map[string]any) {
		record["links"] = []map[string]string{
			{"path": link, "target": target},
			{"path": "/usr/local/bin/../../.." + link, "target": target},
		}
		record["join"] = map[string]any{"pid": bystander.Process.Pid, "program": "/usr/bin/true"}
		daemon := record["daemon"].(map[string]any)
		daemon["pid"], daemon["tun"], daemon["socketDir"] = bystander.Process.Pid, true, true
		daemon["socket"] = socket // and the API is asked for what that cannot do
	})

	w.mustLeave()
	w.wantNothingLeft()
	for _, path := range []string{target, link, socket} {
		if _, err := os.Lstat(path); err != nil {
			t.Errorf("%s was touched: %v", path, err)
		}
	}
	if !slices.Contains(processesNamed("sleep"), bystander.Process.Pid) {
		t.Error("the bystander was ended")
	}
}
