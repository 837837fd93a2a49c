//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine is what a reader must know of where the figures come from.
func machine() string {
	return fmt.Sprintf("%d × %s, Linux %s, %s, %s", runtime.NumCPU(), processor(), kernel(), runtime.Version(), firewalls())
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

func kernel() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return "of unknown version"
	}
	release, _, _ := bytes.Cut(name.Release[:], []byte{0})
	return string(release)
}

func firewalls() string {
	if _, err := exec.LookPath("iptables"); err != nil {
		return "no iptables"
	}
	return "iptables"
}

// load is the mean number of processes that wanted to run in the last minute.
func load() (mean float64) {
	raw, err := os.ReadFile("/proc/loadavg")
	if err == nil {
		fmt.Sscan(string(raw), &mean)
	}
	return mean
}

// megabytes of a file.
func megabytes(name string) string {
	info, err := os.Stat(name)
	if err != nil {
		return "?"
	}
	return fmt.Sprintf("%.1f MB", float64(info.Size())/1e6)
}
