package tailscaled

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// without runs the named test again as a root of another kind, which prints what
// the function says there.
func without(t *testing.T, attr syscall.SysProcAttr, say func() string) string {
	t.Helper()
	if os.Getenv("TAILJOIN_TEST_SAY") != "" {
		os.Stdout.WriteString("said: " + say() + "\n")
		os.Exit(0)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "TAILJOIN_TEST_SAY=1")
	cmd.SysProcAttr = &attr
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Skipf("this machine does not let us make a user namespace: %v\n%s", err, out)
	}
	_, said, _ := strings.Cut(string(out), "said: ")
	return strings.TrimSpace(said)
}

// foreign is root of a user namespace whose network belongs to another.
func foreign() syscall.SysProcAttr {
	return syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
}

func TestNoTUN_rootWithoutRightsOverTheNetwork_isToldBeforeADaemonStarts(t *testing.T) {
	device, err := os.OpenFile(tunDevice, os.O_RDWR, 0)
	if err != nil {
		t.Skip("this user may not open " + tunDevice)
	}
	device.Close()
	if said := without(t, foreign(), noTUN); said != noCapability+" over this network" {
		t.Errorf("noTUN() = %q", said)
	}
}

func TestRemoveRules_whereNoneCouldBeMade_isNoFailure(t *testing.T) {
	said := without(t, foreign(), func() string {
		if _, err := removeRules(); err != nil {
			return err.Error()
		}
		return "done"
	})
	if said != "done" {
		t.Errorf("removeRules: %s", said)
	}
}
