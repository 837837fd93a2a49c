//go:build unix

package tailscaled

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// giveState has the files of a kept state belong to the user, so that a cache
// step can save them. A directory that the user did not have before is left.
func (c caller) giveState(kept string) error {
	dir, err := c.open(kept)
	if dir == nil || err != nil {
		return err
	}
	defer dir.Close()
	return fs.WalkDir(dir.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() && !entry.Type().IsRegular() {
			return err
		}
		return c.give(dir, name)
	})
}

// open opens a directory that is the user's; nil if it is not, or is not there.
func (c caller) open(path string) (*os.Root, error) {
	dir, err := os.OpenRoot(path + "/.") // nothing but a directory: a FIFO would block us
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := dir.Stat(".")
	if err != nil || !isOf(info, c.uid) {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

// give changes the owner of the file that it has looked at, whatever has its
// name by then. A file that has a second name may be another's.
func (c caller) give(dir *os.Root, name string) error {
	f, err := dir.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	links := info.Sys().(*syscall.Stat_t).Nlink
	if !isOf(info, 0) || !info.IsDir() && (!info.Mode().IsRegular() || links != 1) {
		return nil
	}
	return f.Chown(c.uid, c.gid)
}

func isOf(info fs.FileInfo, uid int) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == uid
}
