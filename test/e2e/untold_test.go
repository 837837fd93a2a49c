//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/isolate"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"golang.org/x/sys/unix"
)

// withoutProc is a command that runs a program on a machine without /proc.
var withoutProc = []string{"unshare", "--mount", "sh", "-c", `mount -n -t tmpfs none /proc && exec "$0" "$@"`}

func TestLeave_withoutProc_endsTheDaemon(t *testing.T) {
	for _, kind := range []string{"userspace", "tun"} {
		t.Run(kind, func(t *testing.T) {
			before := network(t)
			w := newWorld(t, localtailnet.Options{})
			w.mustPeer(localtailnet.PeerOptions{})
			w.under = withoutProc
			w.mustJoin("--network="+kind, "--wait-for=my-server:80")
			w.mustLeave()
			w.wantNothingLeft()
			wantSame(t, before)
		})
	}
}

// refusedPidfd is the error, by its number, that pidfd_open(2) gives to the program that this test becomes.
const refusedPidfd = "TAILJOIN_TEST_REFUSED_PIDFD"

// withoutPidfd becomes the program that its arguments name.
func withoutPidfd(errno string) int {
	number, err := strconv.Atoi(errno)
	if err == nil {
		err = isolate.Refuse(unix.SYS_PIDFD_OPEN, syscall.Errno(number))
	}
	if err == nil {
		os.Unsetenv(refusedPidfd)
		err = syscall.Exec(os.Args[1], os.Args[1:], os.Environ())
	}
	fmt.Fprintln(os.Stderr, "refusing pidfd_open:", err)
	return 1
}

// Kernels before Linux 5.3 do not know pidfd_open; old filters of Docker forbid it.
func TestLeave_withoutPidfd_isClean(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, errno := range map[string]syscall.Errno{"old kernel": unix.ENOSYS, "filter": unix.EPERM} {
		t.Run(name, func(t *testing.T) {
			before := network(t)
			w := newWorld(t, localtailnet.Options{})
			w.under = []string{"env", fmt.Sprintf("%s=%d", refusedPidfd, errno), self}
			w.mustJoin("--network=tun")
			w.mustLeave()
			w.wantNothingLeft()
			wantSame(t, before)
		})
	}
}

// mustHide has the job use a tailscaled by whose command line a leave cannot tell
// that it is the session's.
func (w *world) mustHide() {
	w.t.Helper()
	script := "exec " + os.Getenv(daemon) + ` --port=0 --port=0 --port=0 --port=0 "$@"` + "\n"
	w.mustStandIn(script)
	cli := filepath.Join(w.vars["TAILJOIN_TAILSCALE_PATH"], "tailscale")
	if err := os.Remove(cli); err != nil {
		w.t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(filepath.Dir(os.Getenv(daemon)), "tailscale"), cli); err != nil {
		w.t.Fatal(err)
	}
}

func TestLeave_daemonThatNoCommandLineTells_isEnded(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.mustHide()
	w.mustJoin("--network=userspace")
	w.mustLeave()
	w.wantNothingLeft()
}

// With an interface the socket is where any tailscaled may listen. A join that
// cannot tell whose it is has nothing to wait for.
func TestJoin_tun_daemonThatNoCommandLineTells_failsSoonAndIsEnded(t *testing.T) {
	before := network(t)
	w := newWorld(t, localtailnet.Options{})
	w.mustHide()
	began := time.Now()
	w.mustFail("not-privileged", []string{"another tailscaled answers where this one should: pid "}, "--network=tun")
	if took := time.Since(began); took > 15*time.Second {
		t.Errorf("it took %v", took)
	}
	w.mustLeave()
	w.wantNothingLeft()
	wantSame(t, before)
}

// wantSame fails unless the machine's network is as before.
func wantSame(t *testing.T, before map[string]string) {
	t.Helper()
	if d := cmp.Diff(before, network(t)); d != "" {
		t.Errorf("the machine is not as it was (-before +after):\n%s", d)
	}
}
