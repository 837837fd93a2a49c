//go:build linux

package e2e

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/tailjoin/tailjoin/internal/isolate"
	"golang.org/x/sys/unix"
)

// architectures are by default those for which the check of reproducibility compiles anyway. Each further one takes three
// minutes to compile: `make emulated`.
var architectures = flag.String("architectures", "arm64", "the architectures that TestEmulated is for, with commas between")

// An emulation says how programs of an architecture run here, and which tests of this package run on such a machine.
type emulation struct {
	emulator string // of qemu-user; "" is the kernel itself
	flags    string // of binfmt_misc
	tests    []string
}

var (
	use     = []string{"TestJoin_userspace_reachesAPeerByItsProxiesAndLeavesNothing"}
	withTUN = append(use, "TestJoin_tun_givesEveryProcessTheTailnetAndLeavesTheMachineAsItWas")
	anyEnd  = append(withTUN,
		"TestLeave_restoresWhatAKilledDaemonLeft",
		"TestLeave_sessionThatCannotBeRead_endsTheDaemonAllTheSame",
		"TestLeave_whileTheJoinStillRuns_endsThat",
		"TestRun_tun_leavesTheMachineAsItWas",
		"TestRun_killed_takesTheCommandAlong_andCanBeLeft",
		"TestLeave_afterTheJoinWasKilled_undoesIt",
	)
)

// emulations are the machines of each architecture. The kernel may keep the name by which a program was called (P), or not.
var emulations = map[string]map[string]emulation{
	"arm64": {
		"qemu, arguments alone": {"qemu-aarch64-static", "OCF", anyEnd},
		"qemu, and the name":    {"qemu-aarch64-static", "POCF", withTUN},
	},
	"arm":     {"qemu": {"qemu-arm-static", "POCF", withTUN}},
	"riscv64": {"qemu": {"qemu-riscv64-static", "POCF", withTUN}},
	"386":     {"this kernel": {"", "", withTUN}},
}

// On an emulated machine the environment of this package's process says by which program, with which flags of binfmt_misc, and
// where the release's files for it are.
const (
	emulatorPath  = "TAILJOIN_TEST_EMULATOR"
	emulatorFlags = "TAILJOIN_TEST_EMULATOR_FLAGS"
	releaseFiles  = "TAILJOIN_TEST_RELEASE"
)

// TestEmulated runs tests of this package with the release's files for other architectures.
func TestEmulated(t *testing.T) {
	for _, arch := range strings.Split(*architectures, ",") {
		t.Run(arch, func(t *testing.T) {
			if len(emulations[arch]) == 0 {
				t.Fatal("no machine is known for it")
			}
			for name, e := range emulations[arch] {
				t.Run(name, func(t *testing.T) { e.run(t, arch) })
			}
		})
	}
}

// cannotEmulate is the exit status of a machine that cannot be.
const cannotEmulate = 77

// run runs the tests with the release's files for an architecture.
func (e emulation) run(t *testing.T, arch string) {
	emulator, err := exec.LookPath(e.emulator)
	if e.emulator != "" && err != nil {
		t.Skipf("%s is not installed (apt-get install qemu-user-static)", e.emulator)
	}
	files := mustRelease(t, arch)
	program := filepath.Join(files, "tailjoin-linux-"+arch)
	cmd := exec.Command("/proc/self/exe", "-test.run=^("+strings.Join(e.tests, "|")+")$", "-test.v", "-test.failfast")
	cmd.Env = append(isolate.Outside(os.Environ()), releaseFiles+"="+files, tailjoin+"="+program)
	if e.emulator != "" {
		cmd.Env = append(cmd.Env, emulatorPath+"="+emulator, emulatorFlags+"="+e.flags)
		cmd.SysProcAttr = withOwnUsers(t)
	} else if err := exec.Command(program, "version").Run(); errors.Is(err, syscall.ENOEXEC) {
		t.Skip("this kernel does not run programs for " + arch)
	}
	words, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		t.Skipf("no user namespace for a process: %v", err)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == cannotEmulate {
		t.Skip(string(words))
	}
	passed := regexp.MustCompile(`(?m)^--- PASS: .*`).FindAllString(string(words), -1)
	if err != nil || len(passed) != len(e.tests) {
		t.Errorf("%v, %d tests passed\n%s", err, len(passed), words)
	}
	t.Log(strings.Join(passed, "\n"))
}

// withOwnUsers has a process be in a user namespace, with the users of this one: binfmt_misc belongs to that.
func withOwnUsers(t *testing.T) *syscall.SysProcAttr {
	t.Helper()
	setgroups, err := os.ReadFile("/proc/self/setgroups") // "deny" in an ordinary user's namespace
	if err != nil {
		t.Fatal(err)
	}
	return &syscall.SysProcAttr{
		Cloneflags:                 syscall.CLONE_NEWUSER,
		UidMappings:                idsOf(t, "/proc/self/uid_map"),
		GidMappings:                idsOf(t, "/proc/self/gid_map"),
		GidMappingsEnableSetgroups: strings.HasPrefix(string(setgroups), "allow"),
		Pdeathsig:                  syscall.SIGKILL,
	}
}

// idsOf maps each ID of this user namespace to itself.
func idsOf(t *testing.T, file string) (ids []syscall.SysProcIDMap) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(content)) {
		var first, outside, count int
		if _, err := fmt.Sscan(line, &first, &outside, &count); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, syscall.SysProcIDMap{ContainerID: first, HostID: first, Size: count})
	}
	return ids
}

// released are the architectures whose files were made.
var released = map[string]bool{}

// mustRelease makes the release's files for an architecture, once, and returns their directory.
func mustRelease(t *testing.T, arch string) string {
	t.Helper()
	dir, err := filepath.Abs("../../.build/programs/release-" + arch)
	if err != nil {
		t.Fatal(err)
	}
	if !released[arch] {
		mustRun(t, "../../scripts/build", "--out", dir, "--only", "linux/"+arch, "--programs", "tailjoin tailscaled")
		released[arch] = true
	}
	return dir
}

// emulate has the kernel run the release's programs by the emulator, in this user namespace.
func emulate() error {
	emulator := os.Getenv(emulatorPath)
	if emulator == "" {
		return nil
	}
	const dir = "/run/binfmt_misc" // on a disk of this machine alone
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("binfmt_misc", dir, "binfmt_misc", 0, ""); err != nil {
		return fmt.Errorf("no binfmt_misc in a user namespace, which takes Linux 6.7: %w", err)
	}
	magic, mask, err := likeness(os.Getenv(tailjoin))
	if err != nil {
		return err
	}
	format := strings.Join([]string{"", "emulated", "M", "", magic, mask, emulator, os.Getenv(emulatorFlags)}, ":")
	if err := os.WriteFile(filepath.Join(dir, "register"), []byte(format), 0o200); err != nil {
		return err
	}
	return routeToLoopback()
}

// routeToLoopback has the machine's default route lead to an interface. qemu-user knows no policy rules, and without them
// tailscaled binds its sockets to the interface of the default route.
func routeToLoopback() error {
	words, err := exec.Command("sh", "-c", "ip route del unreachable default && ip route add default dev lo").CombinedOutput()
	if err != nil {
		return fmt.Errorf("changing the default route: %w: %s", err, words)
	}
	return nil
}

// likeness is what tells programs of the same architecture as this one from all others, as binfmt_misc takes it: the start of
// an ELF file, but for its ABI and whether it may be loaded anywhere.
func likeness(program string) (magic, mask string, err error) {
	file, err := os.Open(program)
	if err != nil {
		return "", "", err
	}
	defer file.Close()
	start := make([]byte, 20)
	if _, err := file.Read(start); err != nil {
		return "", "", err
	}
	for i, b := range start {
		m := 0xff
		switch {
		case 7 <= i && i < 16:
			m = 0
		case i == 16:
			m = 0xfe
		}
		magic += `\x` + strconv.FormatInt(0x100+int64(b), 16)[1:]
		mask += `\x` + strconv.FormatInt(0x100+int64(m), 16)[1:]
	}
	return magic, mask, nil
}
