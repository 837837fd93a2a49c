package tailscaled

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// processesNamed lists the processes of the right owner that are the daemon
// called name: see isDaemon. If the noted one is not among them it looks at all: a process may run whose
// number nothing had time to write down.
func processesNamed(name string, noted int, by owner) []int {
	matches := func(pid int) bool { return belongsTo(pid, by) && isNamed(pid, name) }
	if noted > 0 && matches(noted) {
		return []int{noted}
	}
	return processes(matches)
}

// processesEnding lists the processes of the right owner whose last arguments
// are these.
func processesEnding(by owner, args ...string) []int {
	end := []byte("\x00" + strings.Join(args, "\x00") + "\x00")
	return processes(func(pid int) bool { return bytes.HasSuffix(commandLine(pid), end) && belongsTo(pid, by) })
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

// belongsTo reports whether a process runs, and has the right owner. The real
// user ID counts too: any user can run a setuid program, under any name.
func belongsTo(pid int, by owner) bool {
	status, err := os.ReadFile(inProc(pid, "status"))
	if err != nil {
		return false
	}
	_, ids, _ := bytes.Cut(status, []byte("\nUid:\t"))
	var u userIDs
	n, _ := fmt.Sscan(string(ids), &u.real, &u.effective)
	return n == 2 && by(u)
}

// argumentsOf are the arguments of a process, none if it has ended.
func argumentsOf(pid int) []string {
	return strings.Split(strings.TrimSuffix(string(commandLine(pid)), "\x00"), "\x00")
}

// commandLine is the arguments of a process, each with a zero byte at its end;
// nothing if it has ended.
func commandLine(pid int) []byte {
	line, _ := os.ReadFile(inProc(pid, "cmdline"))
	return line
}

// isNamed reports whether a process is the daemon called name. It is not if the
// process has ended.
func isNamed(pid int, name string) bool {
	for deadline := time.Now().Add(time.Second); ; <-time.After(between) {
		if len(commandLine(pid)) > 0 || !isStarting(pid, name) || time.Now().After(deadline) {
			return isDaemon(argumentsOf(pid), name)
		}
	}
}

// isDaemon reports whether a command line is of the daemon called name: that is
// its argv[0]. An emulated machine puts an interpreter and the program's path
// before the arguments, and drops argv[0] unless it is told to keep it (flag P
// in Linux's binfmt-misc.rst). Then the daemon is known by its first flag.
func isDaemon(args []string, name string) bool {
	return args[0] == name || slices.Contains(args[1:min(len(args), 4)], stateFlag(filepath.Dir(name)))
}

// isStarting reports that a process runs name's program, or the interpreter that
// runs this one, and has no arguments yet: the kernel sets them at the end of an
// exec, after it has closed the files by which we are told that the exec was
// done.
func isStarting(pid int, name string) bool {
	running, err := os.Stat(inProc(pid, "exe"))
	if err != nil {
		return false
	}
	program, err := os.Stat(name)
	return err == nil && os.SameFile(program, running) || interpreter() != "" && exeOf(pid) == interpreter()
}

// listensAs reports whether the process that listens at the other end has this
// name and the right owner. Where the machine does not show us other users'
// processes, its number must do instead of the name (hidepid in proc(5)).
func listensAs(conn net.Conn, name string, noted int, by owner) bool {
	peer, err := peerOf(conn)
	if err != nil || !by(userIDs{int(peer.Uid), int(peer.Uid)}) {
		return false
	}
	pid := int(peer.Pid)
	if _, err := os.Stat(inProc(pid, "cmdline")); err != nil {
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
// process or it is another user's. It looks through the interpreter that this
// process runs under, too.
func ProgramOf(pid int) string {
	program := exeOf(pid)
	if program == "" || program != interpreter() {
		return program
	}
	args := argumentsOf(pid)
	if len(args) < 2 {
		return ""
	}
	path := args[1]
	if !filepath.IsAbs(path) {
		path = filepath.Join(inProc(pid, "cwd"), path)
	}
	program, _ = filepath.EvalSymlinks(path)
	return program
}

// interpreter is the program that runs this one on an emulated machine, "" on
// any other. Emulators let /proc/self/exe lead to the emulated program;
// thread-self is the kernel's.
var interpreter = sync.OnceValue(func() string {
	running, _ := os.Readlink("/proc/thread-self/exe")
	if own, _ := os.Readlink("/proc/self/exe"); own == running {
		return ""
	}
	return running
})

// exeOf is the file that the kernel runs as a process.
func exeOf(pid int) string {
	program, _ := os.Readlink(inProc(pid, "exe"))
	return program
}

// inProc is the path of what the kernel tells of a process.
func inProc(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}
