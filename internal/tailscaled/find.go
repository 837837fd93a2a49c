package tailscaled

import (
	"os"
	"path/filepath"
	"slices"
)

// A Found daemon runs from a session's directory, whose record may be lost.
type Found struct {
	PID  int
	TUN  bool // it has a network interface
	Root bool // it is root's, and this process is not
}

// FindIn finds the daemon that runs from a session's directory by its name and
// its owner: this user, or root if sudo started it. It returns nil if there is
// no such daemon.
func FindIn(session string) *Found {
	name := filepath.Join(session, linkName)
	for _, by := range []owner{daemonIn(session), rootOrOwn} {
		if pids := processesNamed(name, 0, by); len(pids) > 0 {
			return &Found{
				PID:  pids[0],
				TUN:  slices.Contains(argumentsOf(pids[0]), "--tun="+tunName),
				Root: os.Geteuid() != 0 && !IsOwn(pids[0]),
			}
		}
	}
	return nil
}
