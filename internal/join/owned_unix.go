//go:build unix

package join

import (
	"io/fs"
	"os"
	"syscall"
)

func ownedByUsOrRoot(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && (stat.Uid == 0 || int(stat.Uid) == os.Geteuid())
}
