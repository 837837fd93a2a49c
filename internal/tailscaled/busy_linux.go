package tailscaled

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// closeProgram closes a file that was written, and returns it, open for reading,
// once it can be run: the same file, whatever has its name by now.
// A child that was being made meanwhile, by whatever part of this process, has
// the file open for writing until its exec: running it then fails with "text
// file busy" (Go issue 22315). The kernel gives a read lease when there is no
// writer; file systems without leases are left to their luck.
func closeProgram(ctx context.Context, f *os.File) (*os.File, error) {
	readable, err := reopen(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	defer unix.FcntlInt(readable.Fd(), unix.F_SETLEASE, unix.F_UNLCK)
	for {
		_, err := unix.FcntlInt(readable.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
		if !errors.Is(err, unix.EAGAIN) {
			return readable, nil
		}
		select {
		case <-time.After(100 * time.Microsecond):
		case <-ctx.Done():
			readable.Close()
			return nil, context.Cause(ctx)
		}
	}
}

// reopen opens an open file for reading: by its name only where there is no
// /proc.
func reopen(f *os.File) (*os.File, error) {
	readable, err := os.Open(handed(f))
	if errors.Is(err, fs.ErrNotExist) {
		return os.Open(f.Name())
	}
	return readable, err
}
