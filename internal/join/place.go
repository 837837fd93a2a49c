package join

import (
	"errors"
	"io/fs"

	"github.com/tailjoin/tailjoin/internal/diag"
)

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
