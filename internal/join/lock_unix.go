//go:build unix

package join

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"syscall"
	"time"

	"github.com/tailjoin/tailjoin/internal/private"
)

// lock holds the directory for the process that joins. What that process
// starts holds it too, until its exec: a process that was forked and has no
// name yet cannot be found in any other way. Closing the file ends it. The file
// is nil on a file system without such locks.
func lock(dir *private.Dir, log *slog.Logger) (*os.File, error) {
	return flock(dir, log, syscall.LOCK_EX|syscall.LOCK_NB)
}

func flock(dir *private.Dir, log *slog.Logger, how int) (*os.File, error) {
	file, err := dir.Open(".")
	if err != nil {
		return nil, fmt.Errorf("locking session directory: %w", err)
	}
	err = syscall.Flock(int(file.Fd()), how)
	if err == nil {
		return file, nil
	}
	file.Close()
	if isUnsupported(err) {
		log.Debug("the session directory cannot be locked on this file system; going on without", "error", err)
		return nil, nil
	}
	return nil, fmt.Errorf("locking session directory: %w", err)
}

// isUnsupported reports that the file system has no lock for a directory. On NFS
// flock(2) is a lock of the server, which takes a file that is open for writing.
func isUnsupported(err error) bool {
	none := []error{syscall.EBADF, syscall.ENOLCK, syscall.ENOSYS, syscall.ENOTSUP, syscall.EOPNOTSUPP, syscall.EINVAL}
	return slices.ContainsFunc(none, func(e error) bool { return errors.Is(err, e) })
}

var errBusy = errors.New("another process still works on this session")

// awaitLock takes the directory over from a join that has ended, or from
// another leave.
func awaitLock(dir *private.Dir, log *slog.Logger, limit time.Duration) (*os.File, error) {
	type result struct {
		file *os.File
		err  error
	}
	locked, abandoned := make(chan result), make(chan struct{})
	go func() {
		file, err := flock(dir, log, syscall.LOCK_EX)
		select {
		case locked <- result{file, err}:
		case <-abandoned:
			file.Close()
		}
	}()
	select {
	case r := <-locked:
		return r.file, r.err
	case <-time.After(limit):
		close(abandoned)
		return nil, fmt.Errorf("locking session directory: %w", errBusy)
	}
}
