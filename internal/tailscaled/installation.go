package tailscaled

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tailjoin/tailjoin/internal/private"
)

// An installation is the note that tailjoin, and no one else, installed Tailscale
// on this Windows machine. It lies outside of the session, which a step of the job
// can remove, in a directory that only administrators can write to: what it says
// can be believed. A machine has one note at most, so it also keeps two joins from
// installing at once.
type installation struct {
	Session string `json:"session"` // directory of the join's session
	Product string `json:"product"` // of the MSI
	Join    int    `json:"join"`    // process that installs
	Program string `json:"program"` // that it runs
}

const (
	noteName = "installation.json"
	noteSize = 1 << 16 // far above what claim writes
)

// claim notes that a session is about to install a product. It returns fs.ErrExist
// if another session has done so.
func (i installer) claim(session, product string) error {
	if err := os.Mkdir(i.notes(), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	dir, err := private.Open(i.notes(), os.Geteuid())
	if err != nil {
		return err
	}
	defer dir.Close()
	note, err := json.Marshal(installation{fullPath(session), product, os.Getpid(), OwnProgram()})
	if err != nil {
		return err
	}
	own := filepath.Join(i.notes(), fmt.Sprintf("join-%d", os.Getpid()))
	defer os.Remove(own)
	if err := os.WriteFile(own, note, 0o600); err != nil {
		return err
	}
	return os.Link(own, filepath.Join(i.notes(), noteName)) // in one step, and never over another note
}

// noted reads the note. It returns nil if there is no note, and an error if
// someone who is not an administrator can have written it.
func (i installer) noted() (*installation, error) {
	dir, err := private.Open(i.notes(), os.Geteuid())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	content, err := dir.Read(noteName, noteSize)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var note installation
	if err == nil {
		err = json.Unmarshal(content, &note)
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", filepath.Join(i.notes(), noteName), err)
	}
	return &note, nil
}

// release removes the note of a session, and the directory with it.
func (i installer) release(session string) error {
	note, err := i.noted()
	if err != nil || note == nil || !note.isOf(session) {
		return err
	}
	if err := os.Remove(filepath.Join(i.notes(), noteName)); err != nil {
		return err
	}
	os.Remove(i.notes()) // only if it is empty: another join may be about to claim
	return nil
}

func (n installation) isOf(session string) bool {
	return strings.EqualFold(n.Session, fullPath(session))
}

// isStale reports that no leave will come for an installation but this session's
// own: its join has ended, and its session was removed.
func (n installation) isStale(session string) bool {
	if ProgramOf(n.Join) == n.Program && n.Join != os.Getpid() {
		return false
	}
	_, err := os.Lstat(n.Session)
	return n.isOf(session) || errors.Is(err, fs.ErrNotExist)
}

// taken says that a join has this installation, or is about to.
func (n installation) taken() error {
	return &NoInterfaceError{fmt.Sprintf("another join on this machine has Tailscale installed, or is about to: only one at a time can have the network interface"+
		" (its session is %s, which `tailjoin leave --session` ends)", n.Session)}
}

// fullPath is the real path of a directory that may be gone, unlike the one that
// it lies in.
func fullPath(dir string) string {
	return filepath.Join(realPath(filepath.Dir(dir)), filepath.Base(dir))
}
