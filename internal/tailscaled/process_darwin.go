package tailscaled

import (
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// processesNamed lists the processes whose argv[0] is name.
func processesNamed(name string, _ int) []int {
	return processes(func(command string) bool { return command == name || strings.HasPrefix(command, name+" ") })
}

// processesEnding lists the processes whose last arguments are these.
func processesEnding(args ...string) []int {
	end := " " + strings.Join(args, " ")
	return processes(func(command string) bool { return strings.HasSuffix(command, end) })
}

func processes(match func(command string) bool) []int {
	out, err := ps("-axwwo", "pid=,command=")
	if err != nil {
		return nil
	}
	var pids []int
	for line := range strings.Lines(string(out)) {
		number, command, _ := strings.Cut(strings.TrimSpace(line), " ")
		if !match(strings.TrimSpace(command)) {
			continue
		}
		if pid, err := strconv.Atoi(number); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// AwaitExit waits for a process to end, and reports whether it did. macOS has
// no descriptor of a process that is not one's own child.
func AwaitExit(pid int, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); <-time.After(10 * time.Millisecond) {
		if syscall.Kill(pid, 0) == syscall.ESRCH {
			return true
		}
	}
	return false
}

// listensAs reports whether the process that listens at the other end is the
// one that was noted. Asking for its name would cost a process each time.
func listensAs(conn net.Conn, _ string, noted int) bool {
	var pid int
	err := control(conn, func(fd int) (err error) {
		pid, err = unix.GetsockoptInt(fd, unix.SOL_LOCAL, unix.LOCAL_PEERPID)
		return err
	})
	return err == nil && (noted == 0 || pid == noted)
}

// ProgramOf is the path of a process's program, "" if there is none.
func ProgramOf(pid int) string {
	out, err := ps("-p", strconv.Itoa(pid), "-o", "comm=")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// ps gets nothing of a job's environment, which holds tokens.
func ps(args ...string) ([]byte, error) {
	cmd := exec.Command("ps", args...)
	cmd.Env = []string{}
	return cmd.Output()
}
