//go:build unix

package join

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lock holds the directory for the process that joins. What that process
// starts holds it too, until its exec: a process that was forked and has no
// name yet cannot be found in any other way. Closing the file ends it.
func lock(dir string) (*os.File, error) {
	file, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("locking session directory: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, fmt.Errorf("locking session directory: %w", err)
	}
	return file, nil
}

var errBusy = errors.New("another process still works on this session")

// awaitLock takes the directory over from a join that has ended, or from
// another leave. It is held until this process ends.
func awaitLock(dir string, limit time.Duration) error {
	// No os.File: the garbage collector would close it, and so unlock.
	fd, err := syscall.Open(dir, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("locking session directory: %w", err)
	}
	locked := make(chan error, 1)
	go func() { locked <- syscall.Flock(fd, syscall.LOCK_EX) }()
	select {
	case err = <-locked:
	case <-time.After(limit):
		syscall.Close(fd) // so that it is free again once the call above has it
		err = errBusy
	}
	if err != nil {
		return fmt.Errorf("locking session directory: %w", err)
	}
	return nil
}
