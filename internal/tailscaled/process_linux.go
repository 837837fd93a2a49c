package tailscaled

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// processesNamed lists the processes whose argv[0] is name. If the one that
// was noted last is not one of them it looks at all: a process may be there
// whose number nobody had time to write down.
func processesNamed(name string, noted int) []int {
	if noted > 0 && isNamed(noted, name) {
		return []int{noted}
	}
	return processes(func(pid int) bool { return isNamed(pid, name) })
}

// processesEnding lists the processes whose last arguments are these.
func processesEnding(args ...string) []int {
	end := []byte("\x00" + strings.Join(args, "\x00") + "\x00")
	return processes(func(pid int) bool { return bytes.HasSuffix(commandLine(pid), end) })
}

func processes(match func(pid int) bool) []int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var pids []int
	for _, dir := range dirs {
		if pid, err := strconv.Atoi(filepath.Base(dir)); err == nil && match(pid) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// commandLine is the arguments of a process, each with a zero byte at its end;
// nothing if it has ended.
func commandLine(pid int) []byte {
	line, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	return line
}

// isNamed reports whether argv[0] of a process is name. It is not if the
// process has ended.
func isNamed(pid int, name string) bool {
	for deadline := time.Now().Add(time.Second); ; <-time.After(between) {
		line := commandLine(pid)
		if len(line) == 0 && isStarting(pid, name) && time.Now().Before(deadline) {
			continue
		}
		first, _, _ := bytes.Cut(line, []byte{0})
		return string(first) == name
	}
}

// isStarting reports that a process runs name's program and has no arguments
// yet: the kernel sets them at the end of an exec, after it has closed the
// files by which we are told that the exec was done.
func isStarting(pid int, name string) bool {
	running, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
	if err != nil {
		return false
	}
	program, err := os.Stat(name)
	return err == nil && os.SameFile(program, running)
}

// listensAs reports whether the process that listens at the other end has this
// name. Where the machine does not show us other users' processes, its number
// must do (hidepid in proc(5)).
func listensAs(conn net.Conn, name string, noted int) bool {
	peer, err := peerOf(conn)
	if err != nil {
		return false
	}
	pid := int(peer.Pid)
	if _, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid), "cmdline")); err != nil {
		return pid == noted
	}
	return isNamed(pid, name)
}

// peerOf is the process at the other end of a Unix socket.
func peerOf(conn net.Conn) (peer *unix.Ucred, err error) {
	err = control(conn, func(fd int) (err error) {
		peer, err = unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
		return err
	})
	return peer, err
}

// ProgramOf is the path of a process's program, "" if there is no such
// process or it is somebody else's.
func ProgramOf(pid int) string {
	program, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
	return program
}
