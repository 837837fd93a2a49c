package tailscaled

import (
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/tailjoin/tailjoin/internal/vis"
	"golang.org/x/sys/unix"
)

// processesNamed lists the processes of the right owner whose argv[0] is name.
func processesNamed(name string, _ int, by owner) []int {
	name = vis.Encode(name)
	return processes(by, func(command string) bool { return command == name || strings.HasPrefix(command, name+" ") })
}

// processesEnding lists the processes of the right owner whose last arguments
// are these.
func processesEnding(by owner, args ...string) []int {
	end := " " + vis.Encode(strings.Join(args, " "))
	return processes(by, func(command string) bool { return strings.HasSuffix(command, end) })
}

func processes(by owner, match func(command string) bool) []int {
	out, err := ps("-axwwo", "pid=,ruid=,uid=,command=")
	if err != nil {
		return nil
	}
	var pids []int
	for line := range strings.Lines(string(out)) {
		var pid int
		var u userIDs
		fields := strings.Fields(line)
		if n, _ := fmt.Sscan(line, &pid, &u.real, &u.effective); n == 3 && by(u) && match(afterFields(line, fields[:3])) {
			pids = append(pids, pid)
		}
	}
	return pids
}

// afterFields is the rest of a line behind its first fields.
func afterFields(line string, fields []string) string {
	for _, field := range fields {
		line = strings.TrimPrefix(strings.TrimSpace(line), field)
	}
	return strings.TrimSpace(line)
}

// belongsTo reports whether a process runs, and has the right owner.
func belongsTo(pid int, by owner) bool {
	out, err := ps("-p", strconv.Itoa(pid), "-o", "ruid=,uid=")
	var u userIDs
	n, _ := fmt.Sscan(string(out), &u.real, &u.effective)
	return err == nil && n == 2 && by(u)
}

// argumentsOf are the words of a process's command line, none if it has ended.
func argumentsOf(pid int) []string {
	out, _ := ps("-wwp", strconv.Itoa(pid), "-o", "command=")
	return strings.Fields(string(out))
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
func listensAs(conn net.Conn, _ string, noted int, _ owner) bool {
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

// ps gets nothing of a job's environment, which holds tokens. Without a locale
// it prints arguments as vis.Encode does.
func ps(args ...string) ([]byte, error) {
	cmd := exec.Command("/bin/ps", args...)
	cmd.Env = []string{}
	return cmd.Output()
}
