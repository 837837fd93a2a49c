package tailscaled

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// CheckNoexec returns a *noexecError if programs cannot run from a directory.
func CheckNoexec(dir string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil || fs.Flags&unix.MS_NOEXEC == 0 {
		return nil
	}
	return &noexecError{mountOf(dir)}
}

// mountOf returns the mount point above a path.
func mountOf(path string) string {
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return path
	}
	longest := ""
	for line := range strings.Lines(string(table)) {
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		if mount := unescape(fields[4]); contained(path, mount) && len(mount) > len(longest) {
			longest = mount
		}
	}
	return longest
}

// unescape reads a path of mountinfo, where blanks are octal numbers.
func unescape(path string) string {
	for _, c := range []byte{' ', '\t', '\n', '\\'} {
		path = strings.ReplaceAll(path, fmt.Sprintf("\\%03o", c), string(c))
	}
	return path
}
