// Package private opens a directory that belongs to one user alone, and finds
// out whether another user could replace it.
package private

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// A Dir is an open directory of one user. Everything reached through it lies
// inside, whatever happens to its path. The caller closes it.
type Dir struct {
	*os.Root
	Path string
	info fs.FileInfo
}

// An Error says why a directory is not private to the expected user, or which
// file or directory another user could change.
type Error struct {
	Path   string
	Owner  string // user ID, on Windows a name; "" if the system does not say
	Mode   fs.FileMode
	Reason string
}

func (e *Error) Error() string {
	if e.Owner == "" {
		return e.Path + ": " + e.Reason
	}
	return fmt.Sprintf("%s (owner %s, mode %v): %s", e.Path, e.Owner, e.Mode, e.Reason)
}

func newError(path string, info fs.FileInfo, reason string) *Error {
	return &Error{Path: path, Owner: ownerText(info), Mode: info.Mode(), Reason: reason}
}

// Open opens the directory at path without following a link there. It returns
// an *Error unless the directory belongs to owner and gives other users no
// access, and fs.ErrNotExist if nothing is there. On Windows the owner must be
// the user of this process, and Protect keeps other users out.
func Open(path string, owner int) (*Dir, error) {
	named, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !named.IsDir() {
		return nil, newError(path, named, "not a directory")
	}
	// With "/." the kernel opens nothing but a directory, so a FIFO put there
	// in the meantime cannot block us.
	root, err := os.OpenRoot(path + string(filepath.Separator) + ".")
	if err != nil {
		return nil, err
	}
	opened, err := root.Stat(".")
	if err == nil {
		err = checkOpened(path, named, opened, owner)
	}
	if err == nil {
		err = checkOwner(root, path)
	}
	if err != nil {
		root.Close()
		return nil, err
	}
	return &Dir{Root: root, Path: path, info: opened}, nil
}

func checkOpened(path string, named, opened fs.FileInfo, owner int) error {
	switch {
	case !os.SameFile(named, opened):
		return newError(path, opened, "replaced while it was being opened")
	case !ownedBy(opened, owner):
		return newError(path, opened, fmt.Sprintf("not owned by user %d", owner))
	case openToOthers(opened):
		return newError(path, opened, "other users have access")
	}
	return nil
}

// ErrNotRegular means that a name in the directory is not a regular file.
var ErrNotRegular = errors.New("not a regular file")

// OpenRegular opens a regular file in the directory. It never blocks: a FIFO is
// refused with ErrNotRegular.
func (d *Dir) OpenRegular(name string, flag int, perm fs.FileMode) (*os.File, error) {
	file, err := d.OpenFile(name, flag|nonblock, perm)
	if errors.Is(err, errNoReader) {
		return nil, fmt.Errorf("%s: %w", name, ErrNotRegular)
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", name, ErrNotRegular)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}

// ErrTooLarge means that a file is larger than its reader allows.
var ErrTooLarge = errors.New("file is too large")

// Read returns the content of a regular file of at most limit bytes.
func (d *Dir) Read(name string, limit int64) ([]byte, error) {
	file, err := d.OpenRegular(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = fmt.Errorf("%s: %w", name, ErrTooLarge)
	}
	return content, err
}

// ReadEnd returns the last bytes of a regular file, at most limit.
func (d *Dir) ReadEnd(name string, limit int64) ([]byte, error) {
	file, err := d.OpenRegular(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.NewSectionReader(file, max(0, end-limit), limit))
}

// Clear removes everything in the directory except what keep names.
func (d *Dir) Clear(keep ...string) error {
	names, err := d.names()
	for _, name := range names {
		if !slices.Contains(keep, name) {
			err = errors.Join(err, d.Delete(name))
		}
	}
	return err
}

func (d *Dir) names() ([]string, error) {
	file, err := d.Open(".")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.Readdirnames(-1)
}

// IsEmpty reports whether the directory has no entries.
func (d *Dir) IsEmpty() (bool, error) {
	names, err := d.names()
	return len(names) == 0, err
}

// Delete removes a file, a link or a directory with its content, if it exists.
// RemoveAll takes several calls of the kernel where Remove takes one.
func (d *Dir) Delete(name string) error {
	err := d.Remove(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return untilUnused(func() error { return d.RemoveAll(name) })
}

// RemoveSelf removes the directory, which must be empty, if its path still
// leads to it. After that it can only be closed.
func (d *Dir) RemoveSelf() error {
	if !d.IsCurrent() {
		return nil
	}
	d.letGo()
	err := untilUnused(func() error { return os.Remove(d.Path) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// IsCurrent reports whether the path still leads to this directory.
func (d *Dir) IsCurrent() bool {
	info, err := os.Lstat(d.Path)
	return err == nil && os.SameFile(info, d.info)
}
