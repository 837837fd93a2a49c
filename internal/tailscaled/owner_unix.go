//go:build unix

package tailscaled

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// rootAndUs are the users who may change what we run as ourselves.
func rootAndUs() []uint32 { return []uint32{0, uint32(os.Geteuid())} }

// mostLinks is how many symbolic links the kernel follows in a path.
const mostLinks = 40

// checkPath returns a *sharedError if a user who is not among the owners could
// change path, or put something else in its place: if one of its directories,
// or one that a symbolic link on the way leads to, is another user's or can be
// written to by others. A sticky directory such as /tmp is fine, since what is
// in it can be renamed by its owner only. The part that does not exist is not
// checked: make it, and check again.
func checkPath(path string, owners []uint32) error {
	at, rest := "/", elements(path)
	for links := 0; ; {
		info, err := os.Lstat(at)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			err = checkOwner(at, info, owners)
		}
		switch {
		case err != nil:
			return err
		case info.Mode()&fs.ModeSymlink != 0:
			if links++; links > mostLinks {
				return &fs.PathError{Op: "open", Path: path, Err: syscall.ELOOP}
			}
			target, err := os.Readlink(at)
			if err != nil {
				return err
			}
			at, rest = linkBase(at, target), append(elements(target), rest...)
		case len(rest) == 0:
			return nil
		default:
			at, rest = filepath.Join(at, rest[0]), rest[1:]
		}
	}
}

func elements(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(element string) bool { return element == "" })
}

// linkBase is the directory in which the target of a link begins.
func linkBase(link, target string) string {
	if filepath.IsAbs(target) {
		return "/"
	}
	return filepath.Dir(link)
}

// checkOwner is checkPath for one file or directory.
func checkOwner(path string, info fs.FileInfo, owners []uint32) error {
	if owner := info.Sys().(*syscall.Stat_t).Uid; !slices.Contains(owners, owner) {
		return &sharedError{path, fmt.Sprintf("belongs to another user (uid %d)", owner)}
	}
	if info.Mode()&fs.ModeSymlink != 0 || info.IsDir() && info.Mode()&fs.ModeSticky != 0 {
		return nil
	}
	if info.Mode().Perm()&0o022 != 0 {
		return &sharedError{path, fmt.Sprintf("can be changed by other users (mode %v)", info.Mode())}
	}
	return nil
}

// openOwned opens a regular file that only the owners can write to. It follows
// no link at the end of the path, and does not wait for the writer of a pipe.
func openOwned(name string, owners []uint32) (*os.File, error) {
	f, err := openRegular(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil {
		err = checkOwner(name, info, owners)
	}
	if err != nil {
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
