package join

import (
	"net"
	"os"
	"path/filepath"

	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// A config is the daemon's, with what Leave must know of it.
type config struct{ tailscaled.Config }

// config gives a daemon with a network interface the socket where `tailscale`
// looks; any other has one of its own.
func (j *joining) config(choice tailscaled.Choice) (config, error) {
	c := config{tailscaled.Config{
		Binary:   j.result.Binary,
		Dir:      j.Dir,
		Session:  j.session.dir,
		Rights:   choice.Rights,
		Self:     j.Self,
		StateDir: j.StateDir,
		FilesDir: j.Flags.StateDir,
		Args:     j.Flags.Words,
		Env:      j.Env,
		HostPATH: j.Up.Firewall || j.Up.Prefs.RunSSH,
		Debug:    j.Debug,
		Tied:     j.tied,
	}}
	if choice.TUN {
		c.Socket = tailscaled.DefaultSocket
		return c, nil
	}
	var err error
	if c.Short, err = tailscaled.NewShortPath(j.Dir); err != nil {
		return c, err
	}
	if c.Proxy = j.Flags.Proxy; c.Proxy == "" {
		c.Proxy, err = freePort()
	}
	return c, err
}

func (c config) state() daemonState {
	_, err := os.Stat(filepath.Dir(c.Socket))
	return daemonState{
		Started:   true,
		Socket:    c.SocketPath(),
		Short:     string(c.Short),
		StateDir:  c.KeptDir(),
		TUN:       c.Rights.TUN,
		Light:     c.light(),
		Sudo:      c.Rights.Sudo,
		SocketDir: c.Socket != "" && os.IsNotExist(err),
	}
}

// light: without an interface and a state there is nothing to restore and to
// save, and the build that is not full asks no router for a port.
func (c config) light() bool { return !c.Rights.TUN && !c.Binary.Full && c.StateDir == "" }

// freePort is an address on loopback for the daemon's proxy. The daemon does
// not tell which port it took if it may choose.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}
