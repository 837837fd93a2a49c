package tailscaled

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/tailjoin/tailjoin/internal/private"
	"golang.org/x/sys/windows"
)

func rootAndUs() []int { return nil }

// checkPath accepts every path for our own user. For root alone, which is to
// say no owners but 0, it accepts what lies in Program Files, where only
// administrators can write.
func checkPath(path string, owners []int) error {
	inside, err := filepath.Rel(filepath.Dir(programDir()), path)
	if len(owners) > 0 && (err != nil || inside == ".." || strings.HasPrefix(inside, `..\`)) {
		return &private.Error{Path: path, Reason: "not in Program Files"}
	}
	return nil
}

func openOwned(name string, _ []int) (*os.File, error) { return openRegular(name) }

// openRegular opens a regular file. A link is not one. No process can write to
// the file until it is closed; it can be moved.
func openRegular(name string) (*os.File, error) {
	f, err := openShared(name, windows.FILE_SHARE_READ|windows.FILE_SHARE_DELETE)
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, errors.Join(err, fmt.Errorf("%s is not a regular file", name))
	}
	return f, nil
}

// openShared opens a file or a link itself for reading, while other processes
// may only do what sharing says.
func openShared(name string, sharing uint32) (*os.File, error) {
	path, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	handle, err := windows.CreateFile(path, windows.GENERIC_READ, sharing, nil, windows.OPEN_EXISTING,
		windows.FILE_ATTRIBUTE_NORMAL|windows.FILE_FLAG_OPEN_REPARSE_POINT, 0)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: name, Err: err}
	}
	return os.NewFile(uintptr(handle), name), nil
}
