//go:build linux

package e2e

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"golang.org/x/sys/unix"
)

// exchanged is a file that this program, run again as another user, replaces by
// FILE.evil as soon as a reader has closed it.
const exchanged = "TAILJOIN_TEST_EXCHANGE"

func exchange(path string) int {
	watch, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err == nil {
		_, err = unix.InotifyAddWatch(watch, path, unix.IN_CLOSE_NOWRITE|unix.IN_OPEN)
	}
	fmt.Println("watching")
	for err == nil {
		if _, err = unix.Read(watch, make([]byte, 4096)); err == nil {
			err = os.Rename(path+".evil", path)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// mustExchange has another user wait for a program of the cache to be read.
// The other program leaves proof that it ran.
func (w *world) mustExchange(user uint32, program string) (proof string) {
	w.t.Helper()
	proof = filepath.Join(w.dir, "proof")
	evil := "#!/bin/sh\nid >>" + proof + "\n"
	err := os.WriteFile(program+".evil", []byte(evil), 0o755)
	if err == nil {
		err = os.Chown(program+".evil", int(user), int(user))
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = []string{exchanged + "=" + program}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	out, pipeErr := cmd.StdoutPipe()
	if err == nil && pipeErr == nil {
		err = cmd.Start()
	}
	if err != nil || pipeErr != nil {
		w.t.Fatal(err, pipeErr)
	}
	w.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "watching\n" {
		w.t.Fatalf("the other user watches nothing: %q", line)
	}
	return proof
}

// A cache that belongs to another user holds the very program that is bundled,
// so that only its owner speaks against it.
func TestJoin_ofRoot_runsNothingThatAnotherUserPutIntoTheCache(t *testing.T) {
	for _, network := range []string{"userspace", "tun"} {
		t.Run(network, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{})
			w.vars["TAILJOIN_TAILSCALE_PATH"], w.vars["TAILJOIN_BUNDLE"] = "", bundle(t)
			w.mustJoin("--network=" + network)
			w.mustLeave()
			cached, err := filepath.Glob(filepath.Join(w.dir, "cache/tailjoin/tailscaled/*/*/tailscaled"))
			if err != nil || len(cached) != 1 {
				t.Fatalf("the cache has %q, %v", cached, err)
			}
			if err := os.Chmod(w.dir, 0o755); err != nil {
				t.Fatal(err)
			}
			mustRun(t, "chown", "-R", "65534:65534", filepath.Join(w.dir, "cache"))
			proof := w.mustExchange(65534, cached[0])

			got := w.run("join", "--network="+network)
			if got.status != 0 || !strings.Contains(got.words, "(owner 65534, ") {
				t.Errorf("join ended with %d:\n%s", got.status, got.words)
			}
			w.mustLeave()
			if said, err := os.ReadFile(proof); err == nil {
				t.Errorf("another user's program ran: %s", said)
			}
			w.wantNothingLeft()
		})
	}
}

// A dependency of the job can put a program into node_modules/.bin.
func TestJoin_runsNoTailscaledOfTheWorkspace(t *testing.T) {
	w := newWorld(t, localtailnet.Options{})
	w.vars["TAILJOIN_TAILSCALE_PATH"], w.vars["TAILJOIN_BUNDLE"] = "", bundle(t)
	bin, proof := filepath.Join(w.dir, "node_modules/.bin"), filepath.Join(w.dir, "proof")
	for _, program := range []string{"tailscaled", "tailscale"} {
		script := "#!/bin/sh\nid >>" + proof + "\necho 1.999.0\n"
		if err := os.MkdirAll(bin, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(bin, program), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mustRun(t, "chown", "-R", "1001:1001", filepath.Join(w.dir, "node_modules"))
	w.vars["PATH"] = bin + ":" + w.vars["PATH"]
	if out := w.mustJoin("--network=userspace"); out["version"] == "1.999.0" {
		t.Errorf("joined with %s", out["version"])
	}
	w.mustLeave()
	w.mustFail("download-failed", []string{"--ssh", bin + "/tailscaled is not used"}, "--network=userspace", "--args=--ssh")
	w.run("doctor")
	if said, err := os.ReadFile(proof); err == nil {
		t.Errorf("the workspace's program ran: %s", said)
	}
}

// Later steps call tailscale, and the leave gives the machine back, without the
// cache.
func TestJoin_cacheThatIsDeletedDuringTheJob_isNotMissed(t *testing.T) {
	for _, network := range []string{"userspace", "tun"} {
		t.Run(network, func(t *testing.T) {
			w := newWorld(t, localtailnet.Options{})
			w.mustPeer(localtailnet.PeerOptions{})
			w.vars["TAILJOIN_TAILSCALE_PATH"], w.vars["TAILJOIN_BUNDLE"] = "", bundle(t)
			w.emptyCache()
			before := w.traces()
			out := w.mustJoin("--network=" + network)
			w.emptyCache()
			w.wantCLI(func(args ...string) string { return w.step("tailscale", args...) }, out["ipv4"])
			if said := w.step("sh", "-c", "! tailscale serve status 2>&1"); !strings.Contains(said, "install: download") {
				t.Errorf("tailscale serve: %s", said)
			}
			w.killDaemon()
			w.mustLeave()
			if d := cmp.Diff(before, w.traces()); d != "" {
				t.Errorf("something is left (-before +after):\n%s", d)
			}
		})
	}
}
