//go:build unix

package ownfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

const (
	noWait   = syscall.O_NONBLOCK
	noLink   = syscall.O_NOFOLLOW
	hasModes = true
)

// isLink holds for the errors of noLink: EMLINK is FreeBSD's.
func isLink(err error) bool { return errors.Is(err, syscall.ELOOP) || errors.Is(err, syscall.EMLINK) }

func ownerOf(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return -1
}

func isTrusted(owner int) bool { return isRootOr(os.Geteuid(), owner) }

func isRootOr(self, owner int) bool { return owner == 0 || owner == self }
