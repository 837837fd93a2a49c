package join

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/private"
)

// CheckPlace returns a Problem if the session directory, or a directory above
// it, belongs to another user, or could be replaced by one. It changes nothing:
// a command calls it before it asks for anything. trustedParent is as in Request.
func CheckPlace(path, trustedParent string) error {
	if err := private.CheckPlace(path, trustedOwners(trustedParent)...); err != nil {
		return placeProblem(err)
	}
	dir, err := private.Open(path, os.Geteuid())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return placeProblem(err)
	}
	return dir.Close()
}

// trustedOwners are the users that may own a directory above the session, apart
// from root. A job that is root may have its temporary directory from a runner
// that is not: in a GitHub job with a container /__w/_temp is the runner's.
func trustedOwners(trustedParent string) []int {
	owners := []int{os.Geteuid()}
	if os.Geteuid() != 0 || trustedParent == "" {
		return owners
	}
	if owner, ok := private.OwnerOf(trustedParent); ok {
		owners = append(owners, owner)
	}
	return owners
}

// openDir opens the directory of an existing session.
func openDir(path, trustedParent string) (*private.Dir, error) {
	dir, err := private.Open(path, os.Geteuid())
	if err != nil {
		return nil, placeProblem(err)
	}
	if err := private.CheckPlace(path, trustedOwners(trustedParent)...); err != nil {
		dir.Close()
		return nil, placeProblem(err)
	}
	return dir, nil
}

// openNewDir opens the directory of a session that begins.
func openNewDir(path, trustedParent string) (*private.Dir, error) {
	dir, err := openDir(path, trustedParent)
	if err != nil {
		return nil, err
	}
	if err := dir.Protect(); err != nil {
		dir.Close()
		return nil, placeProblem(err)
	}
	return dir, nil
}

// attempts to make a directory: a leave beside us may remove its empty parent.
const attempts = 10

// makeDir makes the session directory and opens it. It may exist already.
func makeDir(path, trustedParent string) (*private.Dir, error) {
	if err := CheckPlace(path, trustedParent); err != nil {
		return nil, err
	}
	var err error
	for range attempts {
		if err = mkdirWithParents(path); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("making session directory: %w", err)
	}
	return openNewDir(path, trustedParent)
}

// mkdirWithParents lets only this user into what it makes.
func mkdirWithParents(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.Mkdir(path, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

// placeProblem explains why a directory is not safe to use.
func placeProblem(err error) error {
	unsafe, ok := errors.AsType[*private.Error](err)
	if !ok {
		return fmt.Errorf("opening session directory: %w", err)
	}
	return problem("session-foreign", "another user controls the session directory, or could replace it",
		"nothing was touched. If the directory should be yours, remove it or correct its owner and mode (0700).\n"+
			"Otherwise name a place of your own by --session, TMPDIR or XDG_RUNTIME_DIR, and find out who made this one",
		nil, diag.Fact{Name: "directory", Value: unsafe.Path}, diag.Fact{Name: "owner", Value: cmp.Or(unsafe.Owner, "unknown")},
		diag.Fact{Name: "mode", Value: unsafe.Mode.String()}, diag.Fact{Name: "because", Value: unsafe.Reason})
}

// explainPlace says what to do about a session directory that the file system
// refuses: it is read-only, full, or another user's.
func explainPlace(dir string, err error) error {
	if _, told := errors.AsType[*diag.Problem](err); told {
		return err
	}
	refused, ok := errors.AsType[*fs.PathError](err)
	if !ok {
		return err
	}
	return problem("session-unwritable", "the session directory cannot be made or written to",
		"set --session, RUNNER_TEMP or TMPDIR to a directory that this user can write to, on a disk with 40 MB to spare",
		refused, diag.Fact{Name: "session", Value: dir})
}
