package private

import (
	"os"
	"strconv"
	"strings"
	"syscall"
)

// overflowID is what the kernel shows as the owner of a file if the user
// namespace does not map the real one (user_namespaces(7)).
const overflowID = 65534

// isUnmapped reports that no user of this namespace has an ID, so that a file
// which shows it belongs to a user of the host.
func isUnmapped(id int) bool {
	content, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(content)) {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			return false
		}
		first, err1 := strconv.ParseInt(fields[0], 10, 64)
		count, err2 := strconv.ParseInt(fields[2], 10, 64)
		if err1 != nil || err2 != nil || first <= int64(id) && int64(id) < first+count {
			return false
		}
	}
	return true
}

// IsMapped reports that a user of this namespace can have an ID.
func IsMapped(id int) bool { return !isUnmapped(id) }

// hasACL reports that an access control list may let further users write.
func hasACL(path string) bool {
	size, err := syscall.Getxattr(path, "system.posix_acl_access", nil)
	return err == nil && size > 0
}
