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
)

// cleanupLimit bounds tailscaled --cleanup, which takes 0.2 s where it calls
// iptables.
const cleanupLimit = 10 * time.Second

// restore gives the machine back what a daemon took that did not come to its
// end: it was killed, or told to end before it could listen. Its policy rules
// show that too. If another tailscaled has the machine by now, all this is the
// other's.
func (s Stopping) restore(ctx context.Context, killed bool) error {
	if othersHaveIt(ctx) {
		return nil
	}
	left, err := removeRules()
	if left || killed {
		err = errors.Join(err, s.cleanUp(ctx))
	}
	return err
}

// burial is the time in which the kernel takes down the interface of a process
// that has ended: one of ours, that an earlier leave told to end, has no name
// any more in that time.
const burial = time.Second

// othersHaveIt reports that the machine's network is another tailscaled's.
func othersHaveIt(ctx context.Context) bool {
	for deadline := time.Now().Add(burial); findNeighbour(ctx).reason != ""; <-time.After(between) {
		if Answers(DefaultSocket) || time.Now().After(deadline) {
			return true
		}
	}
	return false
}

// cleanUp has tailscaled undo what an earlier one did: the resolver's settings
// and its chains of the packet filter. By iptables only if that one was given
// it, since the mere call makes tables.
//
// Two rules in mangle that save and restore marks of its connections stay:
// tailscaled removes them when it ends by itself only. Without a tailscaled
// nothing has such marks.
func (s Stopping) cleanUp(ctx context.Context) error {
	program := filepath.Join(s.Dir, linkName)
	if _, err := os.Stat(program); err != nil {
		return nil // it never ran, or a leave before this one got further
	}
	ctx, cancel := context.WithTimeout(ctx, cleanupLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, "--cleanup", "--tun="+tunName, "--no-logs-no-support")
	cmd.Env = []string{"PATH=" + s.path(), "HOME=" + s.Dir, "TS_LOGS_DIR=" + filepath.Join(s.Dir, stateName)}
	cmd.Dir = s.Dir
	if words, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cleaning up after tailscaled: %w: %s", err, lastLine(string(words)))
	}
	return nil
}

func (s Stopping) path() string {
	if s.HostPATH {
		return hostPATH()
	}
	return filepath.Join(s.Dir, pathName)
}

func lastLine(words string) string {
	words = strings.TrimSpace(words)
	return words[strings.LastIndexByte(words, '\n')+1:]
}
