// Package child runs a command in the place of this process: with its files,
// its terminal, its signals and its exit status.
package child

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
)

// A Command is a program to run, found and with all its words.
type Command struct {
	Path  string
	Args  []string // its own name among them
	Env   []string // NAME=VALUE
	Files []*os.File
}

// Statuses of a command that could not be run.
// Source: POSIX, Shell Command Language, Exit Status for Commands.
const (
	NotRunnable = 126
	NotFound    = 127
)

// bySignal is added to the number of the signal that ended a command.
const bySignal = 128

// Find looks a command up as a shell does: by PATH, unless its name has a slash.
func Find(name string) (path string, err error) { return exec.LookPath(name) }

// StatusOf is how a shell ends that could not find or start a command.
func StatusOf(err error) int {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return NotFound
	}
	return NotRunnable
}
