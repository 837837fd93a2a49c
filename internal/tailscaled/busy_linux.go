package tailscaled

import (
	"context"
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// closeProgram closes a file that was written, and returns once it can be run.
// A child that was being made meanwhile, by whatever part of this process, has
// the file open for writing until its exec: running it then fails with "text
// file busy" (Go issue 22315). The kernel gives a read lease when there is no
// writer; file systems without leases are left to their luck.
func closeProgram(ctx context.Context, f *os.File) error {
	readable, err := os.Open(f.Name())
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	defer readable.Close() // which also ends the lease
	for {
		_, err := unix.FcntlInt(readable.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
		if !errors.Is(err, unix.EAGAIN) {
			return nil
		}
		select {
		case <-time.After(100 * time.Microsecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
