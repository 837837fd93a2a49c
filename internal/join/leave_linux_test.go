package join

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
	"github.com/tailjoin/tailjoin/internal/tsapi"
	"tailscale.com/ipn"
	"tailscale.com/ipn/ipnstate"
	"tailscale.com/tailcfg"
)

// stranger is the user ID of another user.
const stranger = 65534

// stubborn, in the environment, has this program be a join that does not end.
const stubborn = "TAILJOIN_TEST_STUBBORN"

func TestMain(m *testing.M) {
	if os.Getenv(stubborn) != "" {
		signal.Notify(make(chan os.Signal, 1), syscall.SIGTERM) // Go ends a program that waits for nothing
		fmt.Println("ready")
		select {}
	}
	os.Exit(m.Run())
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can act as another user")
	}
}

// mustRunAs runs a process of a user under a name until the test ends.
func mustRunAs(t *testing.T, user int, name string) *exec.Cmd {
	t.Helper()
	cmd := &exec.Cmd{Path: "/bin/sleep", Args: []string{name, "600"}, SysProcAttr: &syscall.SysProcAttr{}}
	if user != os.Geteuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-ended
	})
	return cmd
}

func hasEnded(cmd *exec.Cmd) bool {
	return tailscaled.AwaitExit(cmd.Process.Pid, 20*time.Millisecond)
}

func quietDeps() Deps {
	return Deps{Log: slog.New(slog.DiscardHandler), API: &tsapi.Client{}}
}

// recorded is a session of a join that has ended, with this record.
func recorded(t *testing.T, change func(*record)) (dir string) {
	t.Helper()
	s := mustSession(t)
	if err := s.note(change); err != nil {
		t.Fatal(err)
	}
	s.held.Close()
	return s.dir.Path
}

func TestLeave_refusesASessionThatIsNotThisUsersAlone(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"another user's": func(t *testing.T, dir string) { needRoot(t); mustDo(t, os.Chown(dir, stranger, stranger)) },
		"in a directory of another user's": func(t *testing.T, dir string) {
			needRoot(t)
			mustDo(t, os.Chown(filepath.Dir(dir), stranger, stranger))
		},
		"in a directory open to its group": func(t *testing.T, dir string) {
			needRoot(t)
			mustDo(t, os.Chown(filepath.Dir(dir), -1, 1), os.Chmod(filepath.Dir(dir), 0o775))
		},
		"open to others":    func(t *testing.T, dir string) { mustDo(t, os.Chmod(dir, 0o755)) },
		"a link to another": func(t *testing.T, dir string) { mustDo(t, os.Rename(dir, dir+"2"), os.Symlink(dir+"2", dir)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := recorded(t, func(r *record) { r.Daemon.Started = true })
			daemon := mustRunAs(t, os.Geteuid(), filepath.Join(dir, "tailscaled"))
			spoil(t, dir)
			left, err := Leave(t.Context(), LeaveRequest{Dir: dir}, quietDeps())
			if left || diag.As(err).Code != "session-foreign" {
				t.Errorf("left %t, error %v, want session-foreign", left, err)
			}
			if hasEnded(daemon) || !exist(t, filepath.Join(dir, fileName)) {
				t.Error("the session was touched")
			}
		})
	}
}

func mustDo(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// A GitHub job with a container is root, and its RUNNER_TEMP is the runner's.
func TestJoinAndLeave_rootTrustsTheOwnerOfThePlatformsDirectory(t *testing.T) {
	needRoot(t)
	temp := filepath.Join(t.TempDir(), "_temp")
	mustDo(t, os.Mkdir(temp, 0o755), os.Chown(temp, 1001, 1001))
	dir := filepath.Join(temp, "session")
	for trusted, want := range map[string]string{"": "session-foreign", t.TempDir(): "session-foreign", temp: ""} {
		s, err := newSession(dir, trusted, record{}, nil)
		if err == nil {
			s.held.Close()
			_, err = Leave(t.Context(), LeaveRequest{Dir: dir, TrustedParent: trusted}, quietDeps())
		}
		if got := err; (got == nil) != (want == "") || got != nil && diag.As(got).Code != want {
			t.Errorf("trusting %q: error %v, want %q", trusted, got, want)
		}
	}
}

func TestLeave_endsNoProcessOfAnotherUser(t *testing.T) {
	needRoot(t)
	dir := recorded(t, func(r *record) { r.Daemon.Started = true })
	name := filepath.Join(dir, "tailscaled")
	ours, theirs := mustRunAs(t, os.Geteuid(), name), mustRunAs(t, stranger, name)
	similar := mustRunAs(t, os.Geteuid(), name+"2")
	task := mustRunAs(t, stranger, "sudo")
	if left, err := Leave(t.Context(), LeaveRequest{Dir: dir}, quietDeps()); !left || err != nil {
		t.Errorf("left %t, error %v", left, err)
	}
	if !hasEnded(ours) || hasEnded(theirs) || hasEnded(similar) || hasEnded(task) {
		t.Errorf("ended: ours %t, another user's %t, one with a longer name %t", hasEnded(ours), hasEnded(theirs), hasEnded(similar))
	}
	if exist(t, dir) {
		t.Error("the session is left")
	}
}

func TestLeave_ofASessionThatWasRemoved_endsItsDaemonAndSaysSo(t *testing.T) {
	for name, remove := range map[string]func(dir string) error{
		"all of it":       os.RemoveAll,
		"its record only": func(dir string) error { return os.Remove(filepath.Join(dir, fileName)) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := recorded(t, func(*record) {})
			daemon := mustRunAs(t, os.Geteuid(), filepath.Join(dir, "tailscaled"))
			mustDo(t, remove(dir))
			var log strings.Builder
			deps := quietDeps()
			deps.Log = slog.New(slog.NewTextHandler(&log, nil))
			if left, err := Leave(t.Context(), LeaveRequest{Dir: dir}, deps); !left || err != nil {
				t.Errorf("left %t, error %v", left, err)
			}
			if !hasEnded(daemon) || exist(t, dir) || !strings.Contains(log.String(), "removed the session") {
				t.Errorf("the daemon has ended: %t; the log says %q", hasEnded(daemon), log.String())
			}
		})
	}
}

func TestOwner_isAJoinOfThisUserAndThisProgram(t *testing.T) {
	program := self().Program
	process := func(user int) int {
		if user != os.Geteuid() {
			needRoot(t)
		}
		return mustStubborn(t, user).Process.Pid
	}
	for name, tt := range map[string]struct {
		of   func() owner
		want bool
	}{
		"ours": {func() owner { return owner{process(os.Geteuid()), program} }, true},
		"another program": {func() owner {
			pid := mustRunAs(t, os.Geteuid(), program).Process.Pid
			return owner{pid, tailscaled.ProgramOf(pid)}
		}, false},
		"another user's": {func() owner { return owner{process(stranger), program} }, false},
		"no number":      {func() owner { return owner{0, program} }, false},
		"no program":     {func() owner { return owner{process(os.Geteuid()), ""} }, false},
	} {
		if got := tt.of().runs(); got != tt.want {
			t.Errorf("%s: got %t, want %t", name, got, tt.want)
		}
	}
}

// mustStubborn starts this program, which ignores SIGTERM.
func mustStubborn(t *testing.T, user int) *exec.Cmd {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{stubborn + "=1"}
	if user != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
	}
	out, err := cmd.StdoutPipe()
	mustDo(t, err, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func TestOwner_thatDoesNotEndIsKilled(t *testing.T) {
	t.Parallel()
	cmd := mustStubborn(t, os.Geteuid())
	go cmd.Wait()
	if err := (owner{cmd.Process.Pid, self().Program}).stop(); err != nil || !hasEnded(cmd) {
		t.Errorf("it has ended: %t, error %v", hasEnded(cmd), err)
	}
}

// What the join still wrote while it ended is undone too.
func TestLeave_waitsForTheJoinAndReadsItsRecordAgain(t *testing.T) {
	s := mustSession(t)
	daemon := mustRunAs(t, os.Geteuid(), filepath.Join(s.dir.Path, "tailscaled"))
	done := make(chan error)
	go func() {
		_, err := Leave(context.WithoutCancel(t.Context()), LeaveRequest{Dir: s.dir.Path}, quietDeps())
		done <- err
	}()
	mustAwaitWaiter(t, s.held)
	mustDo(t, s.note(func(r *record) { r.Daemon.Started = true }), s.held.Close())
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !hasEnded(daemon) {
		t.Error("the daemon still runs")
	}
}

// mustAwaitWaiter returns when a process waits for the lock on a file.
func mustAwaitWaiter(t *testing.T, held *os.File) {
	t.Helper()
	info, err := held.Stat()
	mustDo(t, err)
	inode := fmt.Sprintf(":%d ", info.Sys().(*syscall.Stat_t).Ino)
	for t.Context().Err() == nil {
		locks, err := os.ReadFile("/proc/locks")
		mustDo(t, err)
		for line := range strings.Lines(string(locks)) {
			if strings.Contains(line, "->") && strings.Contains(line, inode) {
				return
			}
		}
	}
}

func TestNewLeaving_takesTheClientFromTheSessionAndNeverTheServer(t *testing.T) {
	api := &tsapi.Client{BaseURL: "https://api.example.com"}
	s := &session{record: record{ClientID: "of the session", Audience: "its audience"}}
	for name, tt := range map[string]struct {
		given                    Identity
		wantClient, wantAudience string
	}{
		"nothing is given":  {Identity{}, "of the session", "its audience"},
		"a client is given": {Identity{ClientID: "given", Audience: "a"}, "given", "a"},
		"a secret is given": {Identity{Secret: secret.New("tskey-client-x-y")}, "", ""},
	} {
		l := newLeaving(s, LeaveRequest{Identity: tt.given}, Deps{API: api})
		if l.identity.ClientID != tt.wantClient || l.identity.Audience != tt.wantAudience || l.API != api {
			t.Errorf("%s: client %q, audience %q, API %v", name, l.identity.ClientID, l.identity.Audience, l.API)
		}
	}
}

func TestLimits_areBriskWhereLittleTimeIsLeft(t *testing.T) {
	for left, want := range map[time.Duration]limits{time.Second: brisk, 15 * time.Second: brisk, 30 * time.Second: patient} {
		ctx, cancel := context.WithTimeout(t.Context(), left)
		if got := limitsWithin(ctx); got != want {
			t.Errorf("with %v: got %+v, want %+v", left, got, want)
		}
		cancel()
	}
	if got := limitsWithin(t.Context()); got != patient {
		t.Errorf("without a deadline: got %+v", got)
	}
}

func TestDaemonState_oneWithAnInterfaceIsNeverLight(t *testing.T) {
	for state, want := range map[daemonState]bool{{Light: true}: true, {Light: true, TUN: true}: false, {TUN: true}: false, {}: false} {
		if got := state.light(); got != want {
			t.Errorf("%+v: got %t", state, got)
		}
	}
}

// A leave may be killed too: the next one has no daemon to ask.
func TestLeaving_notesTheLogoutAndRemovesWhatWasBeingUnpacked(t *testing.T) {
	cache := t.TempDir()
	s := mustSession(t)
	mustDo(t, s.note(func(r *record) { r.Login, r.Node = true, "n1" }))
	unpacked, others := filepath.Join(cache, "tailscaled", ".unpack-"+s.ID+"-1"), filepath.Join(cache, "tailscaled", ".unpack-other-1")
	mustDo(t, os.MkdirAll(unpacked, 0o700), os.MkdirAll(others, 0o700))
	l := newLeaving(s, LeaveRequest{CacheDir: cache}, quietDeps())
	l.limits = hasty
	mustDo(t, l.undoOthers(t.Context(), true))
	got, err := readSession(s.dir)
	mustDo(t, err)
	if got.Login || exist(t, unpacked) || !exist(t, others) {
		t.Errorf("login %t, ours is left: %t, another's is left: %t", got.Login, exist(t, unpacked), exist(t, others))
	}
}

// A daemon forgets its node as it logs out, even if control never hears of it.
func TestLeaving_notesTheNodeBeforeItsLogout(t *testing.T) {
	s := mustSession(t)
	place, err := os.MkdirTemp("/tmp", "join-") // short, as a socket's path must be
	mustDo(t, err)
	defer os.RemoveAll(place)
	socket := filepath.Join(place, "s")
	listener, err := net.Listen("unix", socket)
	mustDo(t, err)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/logout"):
			http.Error(w, "control is away", http.StatusInternalServerError)
		case strings.HasSuffix(r.URL.Path, "/prefs"):
			json.NewEncoder(w).Encode(ipn.NewPrefs())
		default:
			json.NewEncoder(w).Encode(ipnstate.Status{Self: &ipnstate.PeerStatus{ID: tailcfg.StableNodeID("n7")}})
		}
	})}
	go server.Serve(listener)
	defer server.Close()
	mustDo(t, s.note(func(r *record) { r.Login = true; r.Daemon.Socket = socket }))
	l := newLeaving(s, LeaveRequest{}, quietDeps())
	l.limits = hasty
	if err := l.byDaemon(t.Context()); err == nil {
		t.Error("a logout that failed is a success")
	}
	if got, err := readSession(s.dir); err != nil || got.Node != "n7" {
		t.Errorf("node %q, error %v, want n7", got.Node, err)
	}
}

func TestLeave_aRecordThatIsAPipeOrTooLarge_isGarbledAndCleared(t *testing.T) {
	for name, make := range map[string]func(path string) error{
		"a pipe":    func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"too large": func(path string) error { return os.WriteFile(path, make([]byte, maxRecords+1), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := mkdir(t, 0o700)
			mustDo(t, make(filepath.Join(dir, fileName)))
			left, err := Leave(t.Context(), LeaveRequest{Dir: dir}, quietDeps())
			if !left || !errors.Is(err, errGarbled) || exist(t, dir) {
				t.Errorf("left %t, error %v, the directory is there: %t", left, err, exist(t, dir))
			}
		})
	}
}

// unsteadyAPI is an API that drops the first connections of each kind of request.
func unsteadyAPI(t *testing.T, drops int) (api *tsapi.Client, answered func() []string) {
	t.Helper()
	var lock sync.Mutex
	var done []string
	tries := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		lock.Lock()
		defer lock.Unlock()
		request := r.Method + " " + r.URL.Path
		if tries[request]++; tries[request] <= drops {
			panic(http.ErrAbortHandler)
		}
		done = append(done, request)
		io.WriteString(w, `{"access_token":"tskey-api-1","expires_in":3600}`)
	}))
	t.Cleanup(server.Close)
	return &tsapi.Client{BaseURL: server.URL}, func() []string {
		lock.Lock()
		defer lock.Unlock()
		return done
	}
}

// leavingThrough has a node and an unused key to delete through the API.
func leavingThrough(t *testing.T, api *tsapi.Client, l limits) *leaving {
	t.Helper()
	s := mustSession(t)
	mustDo(t, s.note(func(r *record) { r.Login, r.Node, r.Key = true, "n1", keyState{Tries: 1, ID: "k1"} }))
	d := quietDeps()
	d.API, d.Mask = api, func(secret.Text) {}
	leaving := newLeaving(s, LeaveRequest{Identity: Identity{Secret: secret.New("tskey-client-x-y")}}, d)
	leaving.limits = l
	return leaving
}

func TestLeaving_anAPIThatIsAwayForAMoment_isAskedAgain(t *testing.T) {
	api, answered := unsteadyAPI(t, 3)
	l := leavingThrough(t, api, patient)
	mustDo(t, l.byAPI(t.Context()), l.revoke(t.Context()))
	want := []string{"POST /api/v2/oauth/token", "DELETE /api/v2/device/n1", "DELETE /api/v2/tailnet/-/keys/k1"}
	if d := cmp.Diff(want, answered()); d != "" {
		t.Errorf("answered (-want +got):\n%s", d)
	}
}

func TestLeaving_anAPIThatStaysAway_endsWithinTheLimitOfThePart(t *testing.T) {
	api, _ := unsteadyAPI(t, 1<<30)
	l := leavingThrough(t, api, hasty)
	for name, part := range map[string]func(context.Context) error{"deletion": l.byAPI, "revocation": l.revoke} {
		began := time.Now()
		if err := part(t.Context()); err == nil || time.Since(began) > 2*hasty.api {
			t.Errorf("%s: error %v after %v, want an error within %v", name, err, time.Since(began), hasty.api)
		}
	}
}
