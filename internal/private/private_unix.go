//go:build unix

package private

import (
	"io/fs"
	"os"
	"strconv"
	"syscall"
)

const nonblock = syscall.O_NONBLOCK

// errNoReader is what opening a FIFO for writing gives if it does not block.
const errNoReader = syscall.ENXIO

func ownerText(info fs.FileInfo) string {
	uid, ok := uidOf(info)
	if !ok {
		return ""
	}
	return strconv.Itoa(uid)
}

func uidOf(info fs.FileInfo) (uid int, ok bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}

// IsOwnedBy reports whether a file belongs to a user.
func IsOwnedBy(info fs.FileInfo, owner int) bool { return ownedBy(info, owner) }

func ownedBy(info fs.FileInfo, owner int) bool {
	uid, ok := uidOf(info)
	return ok && uid == owner
}

// checkOwner has nothing to add to what a file's mode and owner say.
func checkOwner(*os.Root, string) error { return nil }

// Protect keeps other users out of the directory. Open has seen that its mode
// does.
func (d *Dir) Protect() error { return nil }

// letGo has nothing to do: an open directory can be removed.
func (d *Dir) letGo() {}

// untilUnused: any file can be removed while a process uses it.
func untilUnused(remove func() error) error { return remove() }

func openToOthers(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 != 0 }

// OwnerOf is the user ID of the owner of a directory. A link there has none.
func OwnerOf(dir string) (uid int, ok bool) {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() {
		return 0, false
	}
	return uidOf(info)
}
