//go:build unix

package tailscaled

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// readOnly is an error if a path is on a disk that is mounted read-only.
func readOnly(path string) error {
	if err := unix.Access(path, unix.W_OK); err == unix.EROFS {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}
