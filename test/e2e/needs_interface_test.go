//go:build linux

package e2e

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"syscall"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// Without an interface a later step's traffic would pass by the exit node.
func TestJoin_exitNodeWithoutAnInterface_isRefusedUnlessUserspaceWasSaid(t *testing.T) {
	w := newWorld(t, localtailnet.Options{AutoApproveRoutes: true})
	w.mustPeer(localtailnet.PeerOptions{ExitNode: true})
	w.giveTo(65534)
	w.under = asNobody
	got := w.mustFail("not-privileged", []string{"sudo does not let us be", "exit-node  my-server"}, "--exit-node=my-server")
	if nodes := w.jobNodes(); len(nodes) > 0 {
		t.Errorf("nodes %v joined:\n%s", nodes, got.text())
	}
	w.mustJoin("--exit-node=my-server", "--network=userspace")
	w.mustLeave()
	w.wantNothingLeft()
}

// Any user of a machine can bind an abstract socket. A join must not lose its
// interface to that in silence.
func TestJoin_lockTakenByAnotherUser_saysByWhich(t *testing.T) {
	release := mustListenAs(t, 65534, "@tailjoin-tun")
	w := newWorld(t, localtailnet.Options{})
	holder := fmt.Sprintf("@tailjoin-tun: pid %d, of uid 65534", os.Getpid())
	got := w.run("join")
	if got.status != 0 || w.outputs()["network"] != "userspace" {
		t.Errorf("join ended with %d and %v", got.status, w.outputs())
	}
	wantWords(t, got, "::warning", holder)
	w.mustLeave()
	w.mustFail("not-privileged", []string{holder}, "--network=tun")
	release()
	if out := w.mustJoin(); out["network"] != "tun" {
		t.Errorf("network %s, want tun", out["network"])
	}
	w.mustLeave()
	w.wantNothingLeft()
}

// The daemon of a leave that has just ended may hold the lock for a moment. The
// holder here ends when it sees that a join looks at it.
func TestJoin_lockOfADaemonThatEnds_isWaitedFor(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	lock, err := net.Listen("unix", "@tailjoin-tun")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	go func() {
		if conn, err := lock.Accept(); err == nil {
			conn.Close()
			lock.Close()
		}
	}()
	w.mustJoin("--network=tun")
	w.mustLeave()
	w.wantNothingLeft()
}

// mustListenAs listens as another user: of a thread of its own, which is not
// used again.
func mustListenAs(t *testing.T, uid uintptr, name string) (release func()) {
	t.Helper()
	listening := make(chan error)
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uid, uid, uid); errno != 0 {
			listening <- errno
			return
		}
		listener, err := net.Listen("unix", name)
		listening <- err
		if err == nil {
			<-done
			listener.Close()
			done <- struct{}{}
		}
	}()
	if err := <-listening; err != nil {
		t.Fatal(err)
	}
	return func() { done <- struct{}{}; <-done }
}
