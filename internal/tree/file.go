// Package tree reads and writes files that a pull request may control: the file
// named by a path may be a link, a pipe or a device there.
//
// Links are followed as long as they stay inside a directory: the repository
// around the current directory, or without one the current directory. A path
// that leaves it was chosen by the user and may be anywhere. Then its links must
// stay inside the directory that it names, or that its file is in.
package tree

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A File is a path, and the directory that its links must not leave.
type File struct {
	path string // as the user says it
	root string
	name string // below root

	outside bool // of the repository: the path names a directory or a file of its own
}

var (
	// ErrTooLong is the error of a file that is longer than it may be.
	ErrTooLong = errors.New("the file is too long")
	// ErrNotFile is the error of a pipe, a device, a socket or a directory.
	ErrNotFile = errors.New("not a regular file")
	// ErrLeaves is the error of a link that leads out of the directory.
	ErrLeaves = errors.New("a link leads out of")
)

// At finds the directory for a path. It does not look whether the path exists.
func At(path string) (File, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return File{}, err
	}
	root, err := around()
	if err != nil {
		return File{}, err
	}
	if name, err := filepath.Rel(root, abs); err == nil && filepath.IsLocal(name) {
		return File{path, root, name, false}, nil
	}
	return File{path, filepath.Dir(abs), filepath.Base(abs), true}, nil
}

// around is the repository of the current directory, or that directory. The path
// that a user names does not count here: a link on it may lead to another
// repository.
func around() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(filepath.Join(dir, ".git")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return here, nil
		}
	}
}

// Path is the path as the user says it.
func (f File) Path() string { return f.path }

// Below is a file in a directory.
func (f File) Below(name string) File {
	path := filepath.Join(f.path, name)
	if f.outside {
		return File{path, filepath.Join(f.root, f.name), name, false}
	}
	return File{path, f.root, filepath.Join(f.name, name), false}
}

// Stat describes what the links lead to.
func (f File) Stat() (info fs.FileInfo, err error) {
	err = f.do(func(root *os.Root) (err error) {
		info, err = root.Stat(f.name)
		return err
	})
	return info, err
}

// ReadDir is the content of a directory, by name.
func (f File) ReadDir() (entries []fs.DirEntry, err error) {
	err = f.do(func(root *os.Root) (err error) {
		entries, err = fs.ReadDir(root.FS(), filepath.ToSlash(f.name))
		return err
	})
	return entries, err
}

// Read reads a regular file of so many bytes at most. It never waits for a pipe
// or a device.
func (f File) Read(most int) (content []byte, err error) {
	err = f.do(func(root *os.Root) error {
		if info, err := root.Stat(f.name); err != nil || !info.Mode().IsRegular() {
			return errors.Join(err, isFile(info))
		}
		file, err := root.OpenFile(f.name, os.O_RDONLY|nonBlocking, 0)
		if err != nil {
			return err
		}
		defer file.Close()
		if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
			return errors.Join(err, isFile(info)) // it was exchanged meanwhile
		}
		content, err = io.ReadAll(io.LimitReader(file, int64(most)+1))
		if len(content) > most {
			content, err = nil, ErrTooLong
		}
		return err
	})
	return content, err
}

func isFile(info fs.FileInfo) error {
	if info != nil && !info.Mode().IsRegular() {
		return ErrNotFile
	}
	return nil
}

// do runs what needs the directory, and says which link it was that left it.
func (f File) do(what func(*os.Root) error) error {
	root, err := os.OpenRoot(f.root)
	if err != nil {
		return err
	}
	defer root.Close()
	err = what(root)
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return err
	}
	if _, outside := os.Stat(filepath.Join(f.root, f.name)); outside == nil && f.leaves(root) {
		return fmt.Errorf("%w %s", ErrLeaves, f.root)
	}
	return err
}

// leaves holds if the path cannot be followed in the directory, though it can
// without it.
func (f File) leaves(root *os.Root) bool {
	_, err := root.Stat(f.name)
	return err != nil
}

// longestIndex is more than the index of any repository takes.
const longestIndex = 512 << 20

// Committed reports whether the repository around the current directory has the
// file in its index, so that a commit decides what the file holds. It is false
// where there is no index to read.
func (f File) Committed() bool {
	index := File{root: f.root, name: filepath.Join(".git", "index")}
	content, err := index.Read(longestIndex)
	return err == nil && bytes.Contains(content, []byte(filepath.ToSlash(f.name)+"\x00"))
}
