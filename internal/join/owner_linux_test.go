package join

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

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
