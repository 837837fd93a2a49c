package tailscaled

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
)

// A Found daemon runs from a session's directory, whose record may be lost.
type Found struct {
	PID  int
	TUN  bool // it has a network interface
	Root bool // it is root's, and this process is not

	Socket string // where it must be asked to log out; "" if it does so as it ends

	Product string // of the MSI that installed it for the session on Windows, where it runs as a service; else ""
}

// FindIn finds the daemon that runs from a session's directory by its name and
// its owner: this user, or root if sudo started it. It also finds the service that
// was installed for the session. It returns nil if there is no such daemon.
func FindIn(session string) *Found {
	name := filepath.Join(session, linkName)
	for _, by := range []owner{daemonIn(session), rootOrOwn} {
		if pids := processesNamed(name, 0, by); len(pids) > 0 {
			found := &Found{
				PID:  pids[0],
				TUN:  slices.Contains(argumentsOf(pids[0]), "--tun="+tunName),
				Root: os.Geteuid() != 0 && !IsOwn(pids[0]),
			}
			found.Socket = found.socket(session)
			return found
		}
	}
	if product := InstalledFor(session); product != "" {
		return &Found{Socket: DefaultSocket, Product: product}
	}
	return nil
}

// socket is where a daemon must be asked to log out. With an interface it may
// be too late when it ends, and on Windows it ends at once.
func (f *Found) socket(session string) string {
	switch {
	case f.TUN:
		return DefaultSocket
	case runtime.GOOS == "windows":
		return SocketIn(session)
	}
	return ""
}
