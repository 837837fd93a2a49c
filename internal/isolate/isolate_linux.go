// Package isolate runs a program in a machine of its own: no network but
// loopback, and changes to the system's files that nobody else sees. It is for
// tests, the benchmark and the demo.
package isolate

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/jsimonetti/rtnetlink"
	"golang.org/x/sys/unix"
)

// stage says, in the environment, which of the three processes this is: the
// caller's, the first of the new machine, the program itself.
const stage = "TAILJOIN_ISOLATED"

// Main runs the rest of this program in namespaces of its own: it starts the
// program again there, and the first process returns only the exit status to
// end with. In the process that is to go on, isolated is true.
func Main() (status int, isolated bool) {
	switch at := os.Getenv(stage); at {
	case "":
		return again(), false
	case "ready":
		return 0, true
	default:
		if err := arrange(at); err != nil {
			fmt.Fprintln(os.Stderr, "isolating:", err)
			return 1, false
		}
		return initialize(), false
	}
}

// Outside is an environment, of a program on such a machine, for one that is to
// have a further machine.
func Outside(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(entry string) bool { return strings.HasPrefix(entry, stage+"=") })
}

// initialize is the machine's first process: it runs the program and buries
// every orphan. When it ends, the kernel ends all that is left.
func initialize() int {
	os.Setenv(stage, "ready")
	pid, err := syscall.ForkExec("/proc/self/exe", os.Args, &syscall.ProcAttr{
		Env:   os.Environ(),
		Files: []uintptr{0, 1, 2},
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "isolating:", err)
		return 1
	}
	for {
		var status syscall.WaitStatus
		ended, err := syscall.Wait4(-1, &status, 0, nil)
		if ended == pid {
			return exitOf(status)
		}
		if err != nil && err != syscall.EINTR {
			return 1
		}
	}
}

func exitOf(status syscall.WaitStatus) int {
	if status.Signaled() {
		return 128 + int(status.Signal())
	}
	return status.ExitStatus()
}

// again starts the first process of the new machine and waits for its end.
func again() int {
	scratch, err := os.MkdirTemp("", "isolate-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "isolating:", err)
		return 1
	}
	defer os.RemoveAll(scratch)
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), stage+"="+scratch)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if os.Geteuid() != 0 {
		asRootOfOurOwn(cmd.SysProcAttr)
	}
	err = cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return max(exit.ExitCode(), 1)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "isolating:", err)
		return 1
	}
	return 0
}

// asRootOfOurOwn lets an ordinary user make the namespaces, where the kernel
// allows that.
func asRootOfOurOwn(attr *syscall.SysProcAttr) {
	attr.Cloneflags |= syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
}

// arrange makes the namespaces a machine: loopback is up, and what a daemon
// changes of the system is a copy.
func arrange(scratch string) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	for _, dir := range []string{"/etc", "/usr/local/bin", "/var/lib"} {
		if err := overlay(dir, filepath.Join(scratch, filepath.Base(dir))); err != nil {
			return err
		}
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mounting /run: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	return noWayOut()
}

// overlay has everything written below dir go to scratch.
func overlay(dir, scratch string) error {
	upper, work := filepath.Join(scratch, "upper"), filepath.Join(scratch, "work")
	if err := os.MkdirAll(scratch, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", scratch, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mounting a scratch file system: %w", err)
	}
	for _, made := range []string{upper, work} {
		if err := os.Mkdir(made, 0o755); err != nil {
			return err
		}
	}
	options := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", dir, upper, work)
	if err := unix.Mount("overlay", dir, "overlay", 0, options); err != nil {
		return fmt.Errorf("laying over %s: %w", dir, err)
	}
	return nil
}

func loopbackUp() error {
	socket, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(socket)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	if err := unix.IoctlIfreq(socket, unix.SIOCSIFFLAGS, request); err != nil {
		return fmt.Errorf("bringing loopback up: %w", err)
	}
	return nil
}

// noWayOut says of every other address that it cannot be reached. That is so
// without a route, too, but a tailscaled that finds no default route at all
// takes each change of an interface, its own among them, for a change of
// network, and cuts its connections: a login may then lose the answer that
// used up its auth key.
func noWayOut() error {
	routes, err := rtnetlink.Dial(nil)
	if err != nil {
		return err
	}
	defer routes.Close()
	err = routes.Route.Add(&rtnetlink.RouteMessage{
		Family:   unix.AF_INET,
		Table:    unix.RT_TABLE_MAIN,
		Protocol: unix.RTPROT_STATIC,
		Type:     unix.RTN_UNREACHABLE,
	})
	if err != nil {
		return fmt.Errorf("adding an unreachable default route: %w", err)
	}
	return nil
}
