package tree

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Replace gives a file other content in one step, or makes it with mode 0644: a
// reader finds the old content or the new. A link that stays inside the
// directory stays a link, and the mode stays.
func (f File) Replace(content []byte) error {
	return f.do(func(root *os.Root) error {
		name, mode, err := f.target(root)
		if err != nil {
			return err
		}
		return replace(root, name, content, mode)
	})
}

func replace(root *os.Root, name string, content []byte, mode fs.FileMode) (err error) {
	temp := filepath.Join(filepath.Dir(name), "."+filepath.Base(name)+"."+rand.Text()[:8])
	file, err := root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			root.Remove(temp)
		}
	}()
	_, err = file.Write(content)
	if err = errors.Join(err, file.Chmod(mode), file.Sync(), file.Close()); err != nil {
		return err
	}
	return root.Rename(temp, name)
}

// mostLinks is how many links in a row are followed, as Linux does.
const mostLinks = 40

// target is the file that links lead to, and the mode to give it.
func (f File) target(root *os.Root) (name string, mode fs.FileMode, err error) {
	name = f.name
	for range mostLinks {
		info, err := root.Lstat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return name, 0o644, nil
		case err != nil:
			return "", 0, err
		case info.Mode().Type() != fs.ModeSymlink:
			return name, info.Mode().Perm(), isFile(info)
		}
		to, err := root.Readlink(name)
		if err != nil {
			return "", 0, err
		}
		if name = filepath.Join(filepath.Dir(name), to); filepath.IsAbs(to) || !filepath.IsLocal(name) {
			return "", 0, fmt.Errorf("%w %s", ErrLeaves, f.root)
		}
	}
	return "", 0, errors.New("too many links")
}
