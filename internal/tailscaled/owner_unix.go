//go:build unix

package tailscaled

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/tailjoin/tailjoin/internal/private"
)

// rootAndUs are the users who may change what we run as ourselves.
func rootAndUs() []int { return []int{0, os.Geteuid()} }

// checkPath returns a *private.Error if a user who is not among the owners could
// change path, or put something else in its place.
func checkPath(path string, owners []int) error { return private.CheckProgram(path, owners...) }

// openOwned opens a regular file that only the owners can write to. It follows
// no link at the end of the path, and does not wait for the writer of a pipe.
func openOwned(name string, owners []int) (*os.File, error) {
	f, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	if err := private.CheckProgramFile(f, owners...); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// openRegular opens a regular file. A link is not one.
func openRegular(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is not a regular file", name))
	}
	return f, nil
}
