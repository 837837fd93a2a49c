// Package replace writes a whole file in one step.
package replace

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// File gives a file other content, or makes it with mode 0644. Who reads it
// meanwhile finds the old one or the new one. A link stays one, and the mode
// stays.
func File(path string, content []byte) (err error) {
	path, mode := target(path)
	temp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(temp.Name())
		}
	}()
	_, err = temp.Write(content)
	if err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

// target is the file itself where path is a link, and the mode to give it.
func target(path string) (string, fs.FileMode) {
	mode := fs.FileMode(0o644)
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	return path, mode
}
