package tailscaled

import "github.com/tailjoin/tailjoin/internal/diag"

// A ShortPath is not needed: the daemon's pipe has no path.
type ShortPath string

// longestWorkDir is how long the directory of a new process may be, whatever else
// Windows takes.
// Source: https://learn.microsoft.com/windows/win32/api/processthreadsapi/nf-processthreadsapi-createprocessw.
const longestWorkDir = 258

func NewShortPath(dir string) (ShortPath, error) {
	if len([]rune(dir)) > longestWorkDir {
		return "", diag.Input("the path of the session directory is too long for Windows to start tailscaled there",
			"choose a shorter work directory or --session", diag.Fact{Name: "session", Value: dir})
	}
	return "", nil
}

func (ShortPath) Socket() string    { return "" }
func (ShortPath) make(string) error { return nil }
func (ShortPath) Remove() error     { return nil }
