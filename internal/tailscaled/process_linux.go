package tailscaled

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// processesNamed lists the processes whose argv[0] is name. It looks at all:
// a process may be there whose number nobody had time to write down.
func processesNamed(name string) []int {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	var pids []int
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err != nil {
			continue // ended meanwhile
		}
		if first, _, _ := bytes.Cut(line, []byte{0}); string(first) != name {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// ProgramOf is the path of a process's program, "" if there is no such
// process or it is somebody else's.
func ProgramOf(pid int) string {
	program, _ := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
	return program
}
