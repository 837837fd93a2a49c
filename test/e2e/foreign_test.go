//go:build linux

package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"golang.org/x/sys/unix"
)

// attacker is another user of the machine, who may do nothing else.
const attacker = 65534

// mustPrepare makes a session as another user would: its program leaves a mark
// if anyone runs it. record is what its file says.
func mustPrepare(t *testing.T, session, record string) (mark string) {
	t.Helper()
	mark = filepath.Join(shortDir(t), "ran")
	if err := os.Chmod(filepath.Dir(mark), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(session, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"tailscaled":    "#!/bin/sh\nid >" + mark + "\n",
		"session.jsonl": record,
	} {
		path := filepath.Join(session, name)
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		mustGive(t, path, attacker)
	}
	mustGive(t, session, attacker)
	mustGive(t, filepath.Dir(session), attacker)
	t.Cleanup(func() { os.RemoveAll(filepath.Dir(session)) })
	return mark
}

func mustGive(t *testing.T, path string, user int) {
	t.Helper()
	if err := os.Lchown(path, user, user); err != nil {
		t.Fatal(err)
	}
}

// wantRefused fails unless a command said that the session is another user's,
// and ran nothing in it and removed nothing.
func wantRefused(t *testing.T, got finished, session, mark string) {
	t.Helper()
	if got.status == 0 || got.code() != "session-foreign" {
		t.Errorf("ended with %d and %q, want session-foreign:\n%s", got.status, got.code(), got.text())
	}
	if who, err := os.ReadFile(mark); err == nil {
		t.Errorf("the other user's program ran as %s", who)
	}
	if _, err := os.Lstat(filepath.Join(session, "tailscaled")); err != nil {
		t.Errorf("the session was touched: %v", err)
	}
}

const startedWithTUN = `{"id":"abc","daemon":{"started":true,"tun":true,"sudo":%t},"login":false}`

// GitLab's jobs have a directory whose name is a counter.
func TestLeave_aSessionThatAnotherUserPrepared_runsNothingOfIt(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	session := "/tmp/tailjoin-4711/tailjoin"
	mark := mustPrepare(t, session, fmt.Sprintf(startedWithTUN, false))
	w.vars["TAILJOIN_SESSION"] = session
	for _, verb := range []string{"leave", "join"} {
		wantRefused(t, w.run(verb), session, mark)
	}
	if events := w.Events(); len(events) > 0 {
		t.Errorf("it asked for %v", events)
	}
}

func TestLeave_aSessionThatAnotherUserPrepared_isNotRootsBySudo(t *testing.T) {
	needSudo(t)
	w := newWorld(t, localtailnet.Options{})
	w.giveToRunner()
	session := "/tmp/tailjoin-4711/tailjoin"
	mark := mustPrepare(t, session, fmt.Sprintf(startedWithTUN, true))
	w.vars["TAILJOIN_SESSION"] = session
	wantRefused(t, w.runUnder(asRunner, "leave"), session, mark)

	// Nor does root believe the user who asks.
	for _, task := range []string{"start", "stop", "link", "unlink"} {
		cmd := w.command(asRunner[0], append(asRunner[1:], "sudo", "-n", "--", os.Getenv(tailjoin), "root", task, session)...)
		cmd.Stdin = strings.NewReader("{}")
		if got := w.finish(cmd); got.status == 0 {
			t.Errorf("root did the task %s:\n%s", task, got.words)
		}
	}
	if who, err := os.ReadFile(mark); err == nil {
		t.Errorf("the other user's program ran as %s", who)
	}
}

// Root at a terminal has the place /tmp/tailjoin-0.
func TestLeave_rootAtATerminal_touchesNothingOfAnotherUsers(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	session := "/tmp/tailjoin-0/tailjoin"
	mark := mustPrepare(t, session, fmt.Sprintf(startedWithTUN, false))
	for name := range w.vars {
		if strings.HasPrefix(name, "GITHUB_") || strings.HasPrefix(name, "RUNNER_") || name == "TAILJOIN_SESSION" {
			delete(w.vars, name)
		}
	}
	got := w.run("leave")
	if got.status == 0 || !strings.Contains(got.words, "another user controls") {
		t.Errorf("leave ended with %d:\n%s", got.status, got.words)
	}
	if who, err := os.ReadFile(mark); err == nil {
		t.Errorf("the other user's program ran as %s", who)
	}
}

// While the daemon is asked to log out, the directory is exchanged for a link.
// The owner of the directory above can do that.
func TestLeave_aSessionThatIsExchangedMeanwhile_emptiesNothingElse(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	victim := filepath.Join(w.dir, "victim")
	if err := os.Mkdir(victim, 0o700); err != nil {
		t.Fatal(err)
	}
	kept := filepath.Join(victim, "data")
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, owner := range map[string]int{"another user's": attacker, "this user's": os.Geteuid()} {
		t.Run(name, func(t *testing.T) {
			place := shortDir(t)
			session := filepath.Join(place, "session")
			socket := filepath.Join(place, "s")
			exchanged := exchangeWhenAsked(t, socket, session, victim)
			mustPrepare(t, session, `{"id":"abc","login":true,"node":"n1","daemon":{"started":true,"light":true,"socket":"`+socket+`"}}`)
			for _, path := range []string{place, session} {
				if err := os.Chmod(path, 0o700); err != nil {
					t.Fatal(err)
				}
				mustGive(t, path, owner)
			}
			w.vars["TAILJOIN_SESSION"] = session
			w.run("leave")
			if asked := exchanged(); asked == (owner == attacker) {
				t.Errorf("the daemon was asked: %t", asked)
			}
			if _, err := os.Lstat(kept); err != nil {
				t.Errorf("another directory was emptied: %v", err)
			}
		})
	}
}

// exchangeWhenAsked serves a LocalAPI that puts a link to victim where the
// session was. exchanged reports whether anything asked.
func exchangeWhenAsked(t *testing.T, socket, session, victim string) (exchanged func() bool) {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 100)
	server := &http.Server{Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if os.Rename(session, session+".old") == nil {
			unix.Symlink(victim, session)
		}
		asked <- struct{}{}
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return func() bool { return len(asked) > 0 }
}

// A record that is a FIFO must not hold a leave up.
func TestLeave_aRecordThatIsAPipe_isNotWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=userspace")
	record := filepath.Join(w.session, "session.jsonl")
	if err := os.Remove(record); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(record, 0o600); err != nil {
		t.Fatal(err)
	}
	got := w.run("leave", "--limit=10s")
	if got.status != 0 {
		t.Errorf("leave ended with %d:\n%s", got.status, got.text())
	}
	w.wantNothingLeft()
}

// A later step removes all of RUNNER_TEMP.
func TestLeave_aSessionThatAStepRemoved_endsItsDaemon(t *testing.T) {
	bundled := bundle(t)
	for _, kind := range []string{"userspace", "tun"} {
		t.Run(kind, func(t *testing.T) {
			before := network(t)
			w := newWorld(t, localtailnet.Options{})
			w.mustJoin("--network="+kind, "--tailscale-path=", "--bundle="+bundled)
			if err := os.RemoveAll(w.session); err != nil {
				t.Fatal(err)
			}
			got := w.run("leave")
			if got.status != 0 {
				t.Errorf("leave ended with %d:\n%s", got.status, got.text())
			}
			wantWords(t, got, "::warning", "a step of this job removed the session")
			w.wantNothingLeft()
			if d := cmp.Diff(before, network(t)); d != "" {
				t.Errorf("the machine is not as it was (-before +after):\n%s", d)
			}
		})
	}
}

// The daemon is killed, and the program for a cleanup is gone with the cache.
func TestLeave_aKilledDaemonWhoseProgramIsGone_restoresTheMachine(t *testing.T) {
	before := network(t)
	w := newWorld(t, localtailnet.Options{})
	w.mustJoin("--network=tun")
	w.killDaemon()
	if err := os.Remove(filepath.Join(w.session, "tailscaled")); err != nil {
		t.Fatal(err)
	}
	w.mustLeave()
	w.wantNothingLeft()
	if d := cmp.Diff(before, network(t)); d != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", d)
	}
}
