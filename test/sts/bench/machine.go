//go:build linux

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// cores are those on which all of it runs: the service, the load tool, and the
// tailscaled that says who asks.
const cores = 2

// stayOn has this process, and those that it starts, use n of the machine's
// cores and no others.
func stayOn(n int) error {
	runtime.LockOSThread() // whatever is started is started by this thread
	var may, use unix.CPUSet
	if err := unix.SchedGetaffinity(0, &may); err != nil {
		return err
	}
	for cpu := 0; cpu < len(may)*64 && use.Count() < n; cpu++ {
		if may.IsSet(cpu) {
			use.Set(cpu)
		}
	}
	return unix.SchedSetaffinity(0, &use)
}

const bareProgram = ".build/sts/bare"

func buildBare(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w -buildid=", "-o", bareProgram, "./test/sts/bare")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

// machine is what a reader must know of where the figures come from.
func machine() string {
	var name unix.Utsname
	unix.Uname(&name)
	release, _, _ := bytes.Cut(name.Release[:], []byte{0})
	return fmt.Sprintf("%d cores of %s, Linux %s, %s", runtime.NumCPU(), processor(), release, runtime.Version())
}

func processor() string {
	raw, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(raw)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

// load is the mean number of processes that wanted to run in the last minute.
func load() (mean float64) {
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		fmt.Sscan(string(raw), &mean)
	}
	return mean
}

// A process is one whose use of the machine is measured.
type process int

// tick is the unit of times in /proc: USER_HZ, which is 100 on every Linux.
const tick = time.Second / 100

// cpu is the time that its threads have run, in user space and in the kernel.
func (p process) cpu() (time.Duration, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(int(p)), "stat"))
	if err != nil {
		return 0, err
	}
	// Behind the name, which may hold spaces: proc_pid_stat(5), fields 14 and 15.
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')')+1:]))
	var user, system int64
	if _, err := fmt.Sscan(fields[11]+" "+fields[12], &user, &system); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * tick, nil
}

// memory is what it has in the machine's memory, in bytes.
func (p process) memory() (int64, error) {
	raw, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(int(p)), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(raw)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			var kilobytes int64
			_, err := fmt.Sscan(value, &kilobytes)
			return kilobytes << 10, err
		}
	}
	return 0, fmt.Errorf("no VmRSS in %s", raw)
}
