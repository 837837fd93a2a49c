//go:build unix

package tailscaled

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"golang.org/x/sys/unix"
)

// A ShortPath is a directory of ours, in one that every program may write to,
// with a link to the state directory of a session whose own path is too long for
// a Unix socket. "" means no short path.
type ShortPath string

const (
	shortPrefix = "tj-"
	shortLink   = "d"
)

// shortParents are directories with short paths, in order of preference.
func shortParents() []string { return []string{os.TempDir(), "/tmp", "/var/tmp", "/dev/shm"} }

// NewShortPath chooses a path for a session's directory, and makes nothing: that
// is for later, once it is noted.
func NewShortPath(dir string) (ShortPath, error) {
	if len(SocketIn(dir)) <= maxSocketPath {
		return "", nil
	}
	for _, parent := range shortParents() {
		short := ShortPath(filepath.Join(parent, shortPrefix+strings.ToLower(rand.Text()[:12])))
		if len(short.Socket()) <= maxSocketPath && unix.Access(parent, unix.W_OK) == nil {
			return short, nil
		}
	}
	return "", diag.Input("the path of the session directory is too long for a Unix socket, and no directory with a short path can be written",
		"choose a shorter work directory or --session, or have a writable /tmp", diag.Fact{Name: "session", Value: dir})
}

// Socket is the path by which the daemon and its clients know the socket.
func (s ShortPath) Socket() string {
	return filepath.Join(string(s), shortLink, filepath.Base(SocketIn("")))
}

// make makes the directory and its link to the session's state. The mode keeps
// other users from exchanging the link.
func (s ShortPath) make(dir string) error {
	if s == "" {
		return nil
	}
	if err := os.Mkdir(string(s), 0o700); err != nil {
		return err
	}
	return os.Symlink(filepath.Join(dir, StateName), filepath.Join(string(s), shortLink))
}

// Remove removes the directory and its link, if it still is ours. The path may
// come from a session that was changed: nothing else is removed.
func (s ShortPath) Remove() error {
	if !strings.HasPrefix(filepath.Base(string(s)), shortPrefix) {
		return nil
	}
	dir, err := os.OpenRoot(string(s))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer dir.Close()
	if info, err := dir.Lstat(shortLink); err == nil && info.Mode().Type() == fs.ModeSymlink {
		if err := dir.Remove(shortLink); err != nil {
			return err
		}
	}
	return os.Remove(string(s)) // only if it is empty
}
