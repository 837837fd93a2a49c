// Package ownfile opens the files that a service trusts: its keys, secrets and
// settings. What such a file says counts only if no other user can have written
// it, whatever its name is.
package ownfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// A Rule says which files are trusted. Each has to belong to the user of this
// process or to root.
type Rule struct {
	Forbidden fs.FileMode // bits that the mode may not have
	NoLink    bool        // the name may not be a symbolic link
	Device    bool        // it may be a device, such as a terminal
}

var (
	// Private is for files with keys, which this program writes itself.
	Private = Rule{Forbidden: 0o077, NoLink: true}
	// Shared is for files that others may read, and that a link may name:
	// containers have their secrets and settings behind links.
	Shared = Rule{Forbidden: 0o022}
)

// An UnsafeError is why a file is not trusted.
type UnsafeError struct {
	Path  string
	Why   string // it is …
	Mode  fs.FileMode
	Owner int // user ID; -1 if it is not known
}

func (e *UnsafeError) Error() string { return fmt.Sprintf("%s %s", e.Path, e.Why) }

// Reasons of an UnsafeError.
const (
	WhyLink  = "is a symbolic link"
	WhyKind  = "is not a regular file"
	WhyOwner = "belongs to another user"
	WhyMode  = "can be used by other users"
)

// OpenFile is os.OpenFile for a trusted file. It does not wait for the other
// end of a pipe, and checks the file that it has opened.
func OpenFile(path string, flag int, perm fs.FileMode, rule Rule) (*os.File, error) {
	flag |= noWait
	if rule.NoLink {
		flag |= noLink
	}
	file, err := os.OpenFile(path, flag, perm)
	if isLink(err) {
		return nil, &UnsafeError{path, WhyLink, fs.ModeSymlink, -1}
	} else if err != nil {
		return nil, err
	}
	if err := rule.check(path, file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func (r Rule) check(path string, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	e := &UnsafeError{Path: path, Mode: info.Mode(), Owner: ownerOf(info)}
	switch isDevice := info.Mode()&fs.ModeDevice != 0; {
	case isDevice && r.Device:
		return nil
	case !info.Mode().IsRegular():
		e.Why = WhyKind
	case !isTrusted(e.Owner):
		e.Why = WhyOwner
	case info.Mode().Perm()&r.Forbidden != 0 && hasModes:
		e.Why = WhyMode
	default:
		return nil
	}
	return e
}

// Largest is the size of a file that Read takes.
const Largest = 4 << 20

// Read returns what is in a trusted file.
func Read(path string, rule Rule) ([]byte, error) {
	file, err := OpenFile(path, os.O_RDONLY, 0, rule)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, Largest+1))
	if err == nil && len(content) > Largest {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("it is too large")}
	}
	return content, err
}
