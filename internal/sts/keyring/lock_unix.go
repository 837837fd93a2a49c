//go:build unix

package keyring

import (
	"errors"
	"os"
	"syscall"

	"github.com/tailjoin/tailjoin/internal/sts/ownfile"
)

// lock waits until no other process has the lock. It ends with the process
// that holds it, however that ends; the file stays.
func lock(path string) (unlock func() error, err error) {
	file, err := ownfile.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600, ownfile.Private)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
		if err == nil {
			return file.Close, nil
		}
		if !errors.Is(err, syscall.EINTR) {
			return nil, errors.Join(err, file.Close())
		}
	}
}

// syncDir has the disk know what a directory names.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
