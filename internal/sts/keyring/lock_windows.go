package keyring

import (
	"errors"
	"os"

	"github.com/tailjoin/tailjoin/internal/sts/ownfile"
	"golang.org/x/sys/windows"
)

// lock waits until no other process has the lock. It ends with the process
// that holds it, however that ends; the file stays.
func lock(path string) (unlock func() error, err error) {
	file, err := ownfile.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600, ownfile.Private)
	if err != nil {
		return nil, err
	}
	err = windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK, 0, 1, 0, new(windows.Overlapped))
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file.Close, nil
}

// syncDir: Windows has no such thing.
func syncDir(string) error { return nil }
