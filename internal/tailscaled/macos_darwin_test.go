package tailscaled

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

func TestTakeLock_isHeldByTheProcessThatInheritsIt(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	lock, err := takeLock(name)
	must(t, err)
	daemon := exec.Command("/bin/sleep", "600")
	daemon.ExtraFiles = []*os.File{lock}
	must(t, daemon.Start())
	defer daemon.Wait()
	defer daemon.Process.Kill()
	must(t, lock.Close())
	if second, err := takeLock(name); err == nil {
		second.Close()
		t.Error("a second join took the lock while the daemon lives")
	}
	must(t, daemon.Process.Kill())
	daemon.Wait()
	second, err := takeLock(name)
	must(t, err)
	second.Close()
}

func TestProcessesNamed_findsAPathThatIsNotASCII(t *testing.T) {
	name := filepath.Join(t.TempDir(), "Läufer für CI", "tailscaled")
	cmd := &exec.Cmd{Path: "/bin/sleep", Args: []string{name, "600"}}
	must(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	deadline := time.Now().Add(5 * time.Second)
	for len(processesNamed(name, 0, ownUser)) == 0 {
		if time.Now().After(deadline) {
			out, _ := ps("-axwwo", "pid=,command=")
			t.Fatalf("not found in:\n%s", out)
		}
		time.Sleep(50 * time.Millisecond)
	}
	if got := processesNamed(name, 0, ownUser); len(got) != 1 || got[0] != cmd.Process.Pid {
		t.Errorf("got %v, want %d", got, cmd.Process.Pid)
	}
}

func TestHelpers_areInstalled(t *testing.T) {
	dir := t.TempDir()
	linkHelpers(dir)
	for _, h := range helpers["darwin"] {
		if !exists(filepath.Join(dir, h.program)) {
			t.Errorf("%s was not found", h.program)
		}
	}
}
