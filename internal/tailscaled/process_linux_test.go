package tailscaled

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/isolate"
	"golang.org/x/sys/unix"
)

// mustRunAs runs a process of a user with these arguments until the test ends.
func mustRunAs(t *testing.T, uid int, args ...string) int {
	t.Helper()
	cmd := &exec.Cmd{Path: "/bin/sh", Args: append([]string{args[0], "-c", "read x", "sh"}, args[1:]...), SysProcAttr: &syscall.SysProcAttr{}}
	if uid != os.Geteuid() {
		if os.Geteuid() != 0 {
			t.Skip("only root can act as another user")
		}
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}
	}
	in, err := cmd.StdinPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() { in.Close(); cmd.Wait() })
	return cmd.Process.Pid
}

func TestProcessesNamed_areOfTheRightOwnerAndExactlyTheName(t *testing.T) {
	name := filepath.Join(t.TempDir(), linkName)
	ours, longer := mustRunAs(t, os.Geteuid(), name), mustRunAs(t, os.Geteuid(), name+"2")
	theirs := mustRunAs(t, stranger, name)
	for _, noted := range []int{0, ours, longer, theirs} {
		if got := processesNamed(name, noted, daemonIn(filepath.Dir(name))); !slices.Equal(got, []int{ours}) {
			t.Errorf("noted %d: got %v, want %d; another user's is %d, one with a longer name %d", noted, got, ours, theirs, longer)
		}
	}
}

func TestIsDaemon_looksThroughAnInterpreter(t *testing.T) {
	const session = "/tmp/tj-x"
	flags := func(dir string) []string {
		return Config{Dir: dir, Rights: Rights{Nobody: true}, StateDir: "/kept", Args: []string{"--statedir=/other"}}.flags()
	}
	own, qemu := flags(session), "/usr/bin/qemu-aarch64-static"
	for name, tt := range map[string]struct {
		line []string
		want bool
	}{
		"the daemon":              {append([]string{session + "/tailscaled"}, own...), true},
		"emulated":                {append([]string{qemu, session + "/tailscaled"}, own...), true},
		"emulated, an open file":  {append([]string{qemu, "/proc/self/fd/3"}, own...), true},
		"emulated, with its name": {append([]string{qemu, "/proc/self/fd/3", session + "/tailscaled"}, own...), true},
		"another session's":       {append([]string{qemu, "/proc/self/fd/3"}, flags(session+"2")...), false},
		"a reader of its program": {[]string{"sha256sum", session + "/tailscaled"}, false},
		"one that names it later": {append([]string{"sh", "-c", "sleep 1", "sh"}, own...), false},
		"one that has ended":      {[]string{""}, false},
	} {
		if got := isDaemon(tt.line, session+"/tailscaled"); got != tt.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

// listeningIn makes this test a process that listens in a session's directory, instead of a test.
const listeningIn = "TAILJOIN_TEST_LISTENING"

// mustListen runs a process that listens on a session's socket, by whose command
// line nothing can be told.
func mustListen(t *testing.T, session string) *exec.Cmd {
	t.Helper()
	return mustListenAs(t, session, os.Geteuid())
}

// mustListenAs is mustListen for a process of this user.
func mustListenAs(t *testing.T, session string, uid int) *exec.Cmd {
	t.Helper()
	state := filepath.Join(session, StateName)
	must(t, os.Mkdir(state, 0o700), os.Chown(state, uid, -1))
	dir, err := os.Open(state) // another user cannot go there
	must(t, err)
	defer dir.Close()
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestStop_findsTheDaemonByItsSocket$")
	cmd.Env = append(os.Environ(), listeningIn+"=/proc/self/fd/3/"+filepath.Base(SocketIn("")))
	cmd.ExtraFiles = []*os.File{dir}
	if uid != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	}
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for !Answers(SocketIn(session)) {
		time.Sleep(time.Millisecond)
	}
	return cmd
}

// Without /proc, or under an interpreter that hides all arguments, only the
// socket tells which process is the daemon.
func TestStop_findsTheDaemonByItsSocket(t *testing.T) {
	if socket := os.Getenv(listeningIn); socket != "" {
		_, err := net.Listen("unix", socket)
		must(t, err)
		time.Sleep(time.Minute)
	}
	session := t.TempDir()
	daemon := mustListen(t, session)
	must(t, Stopping{Dir: session}.Stop(t.Context()))
	if !hasExited(daemon.Process.Pid) {
		t.Error("the daemon still runs")
	}
}

func TestStop_endsNoOtherUsersProcessThatListensOnTheSocket(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can run a process of another user")
	}
	session := t.TempDir()
	other := mustListenAs(t, session, stranger)
	must(t, os.Chown(filepath.Join(session, StateName), 0, 0)) // or it would be a daemon that runs apart
	err := Stopping{Dir: session}.Stop(t.Context())
	if !errors.Is(err, ErrStillRuns) || hasExited(other.Process.Pid) {
		t.Errorf("got %v, want %v and a process that runs", err, ErrStillRuns)
	}
}

// The session's directory is the caller's, who may put a link to the socket of
// any process of root there.
func TestStop_forACallerOfSudo_endsNothingThatOnlyASocketNames(t *testing.T) {
	session := t.TempDir()
	daemon := mustListen(t, session)
	err := Stopping{Dir: session, forCaller: true}.Stop(t.Context())
	if !errors.Is(err, ErrStillRuns) || hasExited(daemon.Process.Pid) {
		t.Errorf("got %v, want %v and a process that runs", err, ErrStillRuns)
	}
}

// A user's process that looks like a task of root must not hold a leave up.
func TestProcessesEnding_areWhatSudoRuns(t *testing.T) {
	session := t.TempDir()
	root := mustRunAs(t, 0, "sudo", "root", "start", session)
	mustRunAs(t, stranger, "sudo", "root", "start", session)
	mustRunAs(t, 0, "sudo", "root", "start", session+"2")
	if got := processesEnding(sudoOf(1001), "root", "start", session); !slices.Equal(got, []int{root}) {
		t.Errorf("got %v, want %d", got, root)
	}
}

func TestOwners(t *testing.T) {
	const caller = 1001
	for name, tt := range map[string]struct {
		by   owner
		user userIDs
		want bool
	}{
		"sudo before it is root":               {sudoOf(caller), userIDs{caller, 0}, true},
		"what sudo runs":                       {sudoOf(caller), userIDs{0, 0}, true},
		"another user's sudo":                  {sudoOf(caller), userIDs{1002, 0}, false},
		"the caller's own process":             {sudoOf(caller), userIDs{caller, caller}, false},
		"ours":                                 {ownUser, userIDs{os.Geteuid(), os.Geteuid()}, true},
		"a setuid program of another user":     {ownUser, userIDs{1002, os.Geteuid()}, false},
		"one of ours that became another user": {ownUser, userIDs{os.Geteuid(), 1002}, false},
		"root's":                               {rootOrOwn, userIDs{0, 0}, true},
		"another user's as root":               {rootOrOwn, userIDs{1002, 0}, false},
	} {
		if got := tt.by(tt.user); got != tt.want {
			t.Errorf("%s: got %t", name, got)
		}
	}
}

func TestDaemonIn_acceptsTheUserThatOwnsTheState(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root's daemon runs as another user")
	}
	session := t.TempDir()
	state := filepath.Join(session, StateName)
	must(t, os.Mkdir(state, 0o700), os.Chown(state, 61500, 61500))
	for uid, want := range map[int]bool{0: true, 61500: true, 61501: false, stranger: false, 1001: false} {
		if got := daemonIn(session)(userIDs{uid, uid}); got != want {
			t.Errorf("uid %d: got %t", uid, got)
		}
	}
	must(t, os.Remove(state))
	for uid, want := range map[int]bool{0: true, 61501: true, stranger: false, 1001: false} {
		if got := daemonIn(session)(userIDs{uid, uid}); got != want {
			t.Errorf("the session is gone, uid %d: got %t", uid, got)
		}
	}
}

func TestApartID_isNoUsersAndNoProcesses(t *testing.T) {
	first, err := apartID()
	must(t, err)
	if !isApart(first) || first == stranger {
		t.Errorf("got %d", first)
	}
	mustRunAs(t, first, "sh")
	if !takenIDs()[first] || !takenIDs()[0] {
		t.Errorf("the ID %d of a process is not taken", first)
	}
}

func TestListensAs_isOfTheRightOwnerAndName(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	must(t, err)
	defer listener.Close()
	conn, err := net.Dial("unix", socket)
	must(t, err)
	defer conn.Close()
	name := argumentsOf(os.Getpid())[0]
	noOne := func(userIDs) bool { return false }
	if !listensAs(conn, name, 0, ownUser) || listensAs(conn, name, os.Getpid(), noOne) || listensAs(conn, name+"2", 0, ownUser) {
		t.Error("a listener of this user and this name is not told from others")
	}
}

// refusedCall is a system call that a child of this test may not make.
const refusedCall = "TAILJOIN_TEST_REFUSED"

// Kernels before 5.3 and seccomp filters of containers have no pidfd_open.
func TestAwaitExit_withoutPidfd(t *testing.T) {
	if errno := os.Getenv(refusedCall); errno != "" {
		var number syscall.Errno
		fmt.Sscan(errno, &number)
		awaitUnderSeccomp(t, number)
		return
	}
	for _, errno := range []syscall.Errno{unix.ENOSYS, unix.EPERM} {
		t.Run(errno.Error(), func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe", "-test.run=TestAwaitExit_withoutPidfd$", "-test.v")
			cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", refusedCall, errno))
			if words, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(words), "--- PASS") {
				t.Errorf("%v\n%s", err, words)
			}
		})
	}
}

func awaitUnderSeccomp(t *testing.T, errno syscall.Errno) {
	runtime.LockOSThread()
	running := exec.Command("/bin/sleep", "600")
	must(t, running.Start())
	defer running.Process.Kill()
	zombie := exec.Command("/bin/true")
	must(t, zombie.Start())
	if err := isolate.Refuse(unix.SYS_PIDFD_OPEN, errno); err != nil {
		t.Skipf("no seccomp here: %v", err)
	}
	if _, err := unix.PidfdOpen(os.Getpid(), 0); err != errno {
		t.Fatalf("the filter does not work: %v", err)
	}
	if AwaitExit(running.Process.Pid, 50*time.Millisecond) {
		t.Error("a process that runs has ended")
	}
	if !AwaitExit(zombie.Process.Pid, 10*time.Second) {
		t.Error("a process that nothing waits for has not ended")
	}
	zombie.Wait()
	if !AwaitExit(zombie.Process.Pid, 0) {
		t.Error("a process that is gone has not ended")
	}
}

func TestResolvFiles_restoreWhatWasThereBefore(t *testing.T) {
	const ours = "# resolv.conf(5) file generated by tailscale\nnameserver 100.100.100.100\n"
	write := func(name, content string) {
		if content != "" {
			must(t, os.WriteFile(name, []byte(content), 0o600))
		}
	}
	for name, tt := range map[string]struct {
		conf, backup string
		want         string
		changed      bool
	}{
		"ours, with a backup":         {ours, "before", "before", true},
		"none, with a backup":         {"", "before", "before", true},
		"another's, with a backup":    {"another's", "before", "another's", false},
		"ours, without a backup":      {ours, "", ours, false},
		"another's, without a backup": {"another's", "", "another's", false},
	} {
		dir := t.TempDir()
		f := resolvFiles{filepath.Join(dir, "conf"), filepath.Join(dir, "backup")}
		write(f.conf, tt.conf)
		write(f.backup, tt.backup)
		changed, err := f.restore()
		got, _ := os.ReadFile(f.conf)
		if _, left := os.Lstat(f.backup); err != nil || changed != tt.changed || string(got) != tt.want || left == nil {
			t.Errorf("%s: changed %t, error %v, %q; the backup is left: %t", name, changed, err, got, left == nil)
		}
	}
}

// A container's resolv.conf is a mount, which can be written and not replaced.
func TestResolvFiles_copyBackWhatCannotBeRenamed(t *testing.T) {
	dir := t.TempDir()
	f := resolvFiles{filepath.Join(dir, "conf"), filepath.Join(dir, "backup")}
	must(t, os.WriteFile(f.conf, []byte("# generated by tailscale"), 0o600), os.WriteFile(f.backup, []byte("before"), 0o600))
	must(t, f.copyBack())
	got, err := os.ReadFile(f.conf)
	info, _ := os.Stat(f.conf)
	if _, left := os.Lstat(f.backup); err != nil || string(got) != "before" || info.Mode() != 0o644 || left == nil {
		t.Errorf("%q, mode %v, error %v", got, info.Mode(), err)
	}
}
