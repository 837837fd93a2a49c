//go:build unix

package private

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A place is a check of the directories and links that lead to a file.
type place struct {
	trusted []int // user IDs that may replace what lies there
	strict  bool  // no group may write, and a host's user is another user
}

// CheckPlace returns an *Error if a user other than root and the trusted ones
// could replace the directory at path: rename it, or a directory above it, and
// put another there. Directories that do not exist yet are left out.
//
// A directory is safe if a trusted user owns it and only trusted users can write
// to it. A sticky one, such as /tmp, may be writable for everyone, since users can
// rename only what they own there: each entry on the way has its owner checked.
//
// In a user namespace that maps a few users only, the owner of a directory of
// the host shows as the overflow ID. It is accepted for an entry of a directory
// that other users cannot write to: / and /tmp are root's on any host. An entry
// of /tmp itself may be any user's.
func CheckPlace(path string, trusted ...int) error {
	parent, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return err
	}
	return place{trusted: append([]int{0}, trusted...)}.walk(parent)
}

// CheckProgram returns an *Error if a user who is not among the owners could
// change what the path leads to, or replace it. Unlike CheckPlace it checks the
// end of the path too, and accepts no group that may write, whatever its members
// are, and no owner that a user namespace does not map. Files that do not exist
// yet are left out: make them, and check again.
func CheckProgram(path string, owners ...int) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	return place{owners, true}.walk(path)
}

// CheckProgramFile is CheckProgram for one open file, without its path.
func CheckProgramFile(file *os.File, owners ...int) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	return place{owners, true}.checkEntry(file.Name(), info)
}

// maxLinks is the limit of the kernel.
const maxLinks = 40

func (p place) walk(path string) error {
	if err := p.checkEntry("/", nil); err != nil {
		return err
	}
	links := 0
	for at, rest := "/", split(path); len(rest) > 0; {
		next := filepath.Join(at, rest[0])
		rest = rest[1:]
		info, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := p.checkEntry(next, info); err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			at = next
			continue
		}
		if links++; links > maxLinks {
			return newError(next, info, "too many symbolic links")
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) {
			at = "/"
		}
		rest = append(split(target), rest...)
	}
	return nil
}

func split(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(name string) bool { return name == "" || name == "." })
}

// checkEntry checks one directory or link on the way. info may be nil.
func (p place) checkEntry(path string, info fs.FileInfo) (err error) {
	if info == nil {
		if info, err = os.Lstat(path); err != nil {
			return err
		}
	}
	switch {
	case !p.trustsOwner(path, info):
		return newError(path, info, "its owner could change it")
	case info.Mode()&fs.ModeSymlink != 0 || info.IsDir() && info.Mode()&fs.ModeSticky != 0:
		return nil
	case info.Mode().Perm()&0o002 != 0:
		return newError(path, info, "every user can write to it")
	case info.Mode().Perm()&0o020 != 0 && (p.strict || !p.trustsGroup(path, info)):
		return newError(path, info, "other users of its group can write to it")
	}
	return nil
}

func (p place) trustsOwner(path string, info fs.FileInfo) bool {
	uid, ok := uidOf(info)
	if !ok {
		return false
	}
	unmapped := !p.strict && uid == overflowID && isUnmapped(overflowID)
	return slices.Contains(p.trusted, uid) || unmapped && !isSticky(filepath.Dir(path))
}

func isSticky(dir string) bool {
	info, err := os.Lstat(dir)
	return err != nil || info.Mode()&fs.ModeSticky != 0
}
