package tailscaled

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// mustLaunch starts a program that sleeps as the daemon of a session, until the
// test ends.
func mustLaunch(t *testing.T, l launch, apart bool) (pid int) {
	t.Helper()
	l.dir = mustSession(t)
	l.Dir, l.Args = l.dir.Path, []string{"600"}
	must(t, l.dir.Mkdir(StateName, 0o700), alias("/bin/sleep", filepath.Join(l.Dir, linkName)))
	p, err := l.start(apart)
	must(t, err)
	t.Cleanup(func() { kill(p.pid); <-p.exited })
	return p.pid
}

// A runner ends the process group and the session of a step.
func TestStart_theDaemonHasASessionOfItsOwn(t *testing.T) {
	pid := mustLaunch(t, launch{}, false)
	if sid, err := unix.Getsid(pid); sid != pid || err != nil {
		t.Errorf("session %d, error %v, want %d", sid, err, pid)
	}
}

// The lock is taken for as long as the daemon lives, whatever becomes of the
// process that joined.
func TestStart_theDaemonHoldsTheLockOnTheInterface(t *testing.T) {
	runtime.LockOSThread() // for good: its network is empty
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skipf("this user may not make a network namespace: %v", err)
	}
	pid := mustLaunch(t, launch{TUN: true}, false)
	if lock, err := net.Listen("unix", lockName); err == nil {
		lock.Close()
		t.Error("the lock is free while the daemon runs")
	}
	must(t, kill(pid))
	lock, err := takeLock()
	must(t, err)
	lock.Close()
}

// A daemon that runs apart holds the node's key in its memory.
func TestStart_aDaemonThatRunsApart_isReadByNoOtherUser(t *testing.T) {
	mustBeRoot(t)
	pid := mustLaunch(t, launch{}, true)
	own := ownerOf(t, fmt.Sprintf("/proc/%d", pid))
	for uid, readable := range map[int]bool{own: true, stranger: false, 1: false} {
		for _, file := range []string{"environ", "mem"} {
			err := openAs(uid, fmt.Sprintf("/proc/%d/%s", pid, file))
			if file == "mem" && readable {
				continue // Yama may forbid it
			}
			if (err == nil) != readable {
				t.Errorf("uid %d opens %s: %v", uid, file, err)
			}
		}
	}
}

// openAs opens a file as another user.
func openAs(uid int, name string) error {
	cmd := exec.Command("/bin/sh", "-c", `exec 3<"$1"`, "sh", name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid)}}
	cmd.Dir = os.TempDir()
	return cmd.Run()
}

// Another process with the daemon's user ID could read its memory.
func TestApartID_isOfNoProcess(t *testing.T) {
	mustBeRoot(t)
	defer func(ids struct{ first, last int }) { apartIDs = ids }(apartIDs)
	apartIDs.first, apartIDs.last = 65432, 65433
	other := exec.Command("/bin/sleep", "600")
	other.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65432, Gid: 65432}}
	must(t, other.Start())
	defer other.Wait()
	defer other.Process.Kill()
	for range 20 {
		id, err := apartID()
		if err != nil || id != 65433 {
			t.Fatalf("got %d, %v, want 65433", id, err)
		}
	}
}
