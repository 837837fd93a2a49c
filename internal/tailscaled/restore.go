package tailscaled

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/private"
)

// restore gives the machine back what a daemon took that did not come to its
// end: it was killed, or told to end before it could listen. Its policy rules
// show that too. If another tailscaled has the machine by now, all this belongs
// to the other.
//
// This does what `tailscaled --cleanup` does, without the program: that may be
// gone with the cache, and nothing in the session is run. Two rules in mangle
// that save and restore marks of its connections stay, as with --cleanup. Without
// a tailscaled nothing has such marks.
func (s Stopping) restore(ctx context.Context, killed bool) error {
	if othersHaveIt(ctx) {
		return nil
	}
	left, err := removeRules()
	if left || killed {
		err = errors.Join(err, restoreResolver(ctx), removeFilter(ctx))
	}
	return err
}

// burial is the time in which the kernel takes down the interface of a process
// that has ended: one of ours, that an earlier leave told to end, has no name
// any more in that time.
const burial = time.Second

// othersHaveIt reports that the machine's network is another tailscaled's.
func othersHaveIt(ctx context.Context) bool {
	return findNeighbour(ctx).reason != ""
}

// hostProgram finds a program of the host that only root can change, "" if it
// is not there.
func hostProgram(name string) string {
	for _, dir := range systemPath {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && isRootsOwn(path) {
			return path
		}
	}
	return ""
}

// isRootsOwn reports that no user but root can change or replace a program.
func isRootsOwn(path string) bool {
	real, err := filepath.EvalSymlinks(path)
	if err != nil || private.CheckPlace(path) != nil || private.CheckPlace(real) != nil {
		return false
	}
	info, err := os.Lstat(real)
	return err == nil && private.IsOwnedBy(info, 0) && info.Mode().Perm()&0o022 == 0
}

// hostLimit bounds a program of the host.
const hostLimit = 5 * time.Second

// runHost runs a program of the host and returns what it says. It gets nothing
// of our environment.
func runHost(ctx context.Context, program string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, hostLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = []string{"PATH=" + hostPATH()}
	cmd.Dir = "/"
	words, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("running %s: %w: %s", filepath.Base(program), err, lastLine(string(words)))
	}
	return string(words), err
}

func lastLine(words string) string {
	words = strings.TrimSpace(words)
	return words[strings.LastIndexByte(words, '\n')+1:]
}
