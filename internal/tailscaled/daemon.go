package tailscaled

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/tailjoin/tailjoin/internal/private"
	"tailscale.com/client/local"
)

// A Config says how one daemon runs. What it makes lies below Dir, so that
// it can be found and removed when nothing else is known.
type Config struct {
	Binary   Binary
	Dir      string       // the session's directory, mode 0700
	Session  *private.Dir // Dir, opened
	Rights   Rights       // TUN or userspace, and as whom
	Self     string       // this program, for sudo to run again
	Socket   string       // "" is SocketIn(Dir)
	Short    ShortPath
	StateDir string   // "" keeps the node's key in memory only, which also makes it ephemeral
	FilesDir string   // for the daemon's other files, if there is no StateDir; "" is in Dir
	Args     []string // the user's own flags for tailscaled; they win over ours
	Env      []string // NAME=VALUE: proxies and TS_* settings; never a secret
	Proxy    string   // host:port of the SOCKS5 and HTTP proxy; "" is none
	HostPATH bool     // the daemon may use the host's iptables and shells
	Debug    bool
	Tied     bool // it ends when this process is gone: on Linux, unless by sudo, where it logs out first, and on Windows
}

// A Daemon is a tailscaled that we started, or started in an earlier process.
type Daemon struct {
	Socket string
	Local  *local.Client
	CLI    string // path of tailscale, in the session's directory where that is possible; "" if it was attached

	Session *private.Dir // where its log is; nil if it was attached

	process process
	dir     string
	server  string // the login server's address, as Prepare was given it
}

// Names of what lies in a session's directory.
const (
	logName   = "tailscaled.log"
	StateName = "state" // with the daemon's socket, by which a Stopping may have to find it
	pathName  = "path"
)

// Start runs the daemon and returns when its LocalAPI can be called. The process
// has a session of its own and its output in a file: a daemon that held the
// step's output would be ended with the step.
func Start(ctx context.Context, c Config) (*Daemon, error) {
	if c.Binary.Service {
		return c.service(ctx)
	}
	if err := c.prepare(); err != nil {
		return nil, fmt.Errorf("preparing the daemon's directory: %w", err)
	}
	p, err := c.launch(ctx)
	d := c.daemon(p)
	d.CLI = c.Binary.linkCLI(c.Dir)
	if errors.Is(err, errExited) {
		return d, d.explain(err)
	}
	if err != nil {
		return nil, c.explainStart(err)
	}
	if err := d.awaitSocket(ctx); err != nil {
		return d, d.explain(err)
	}
	return d, nil
}

// service is the daemon that an MSI installed for this join: Windows runs it.
func (c Config) service(ctx context.Context) (*Daemon, error) {
	d := Attach(c.Dir, DefaultSocket, 0)
	d.Session, d.CLI = c.Session, c.Binary.CLI
	if err := d.awaitSocket(ctx); err != nil {
		return d, fmt.Errorf("waiting for the Tailscale service, which is %s: %w", serviceState(), err)
	}
	return d, nil
}

// KeptDir is the directory outside of Dir that the daemon writes to, "" if there is
// none. A daemon that runs as nobody could not.
func (c Config) KeptDir() string {
	if c.Rights.Nobody {
		return c.StateDir
	}
	return cmp.Or(c.StateDir, c.FilesDir)
}

// prepare lays out the directory: the link by which the daemon is known, and
// the few programs that it may call.
func (c Config) prepare() error {
	for _, dir := range []string{StateName, pathName} {
		if err := c.Session.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if kept := c.KeptDir(); kept != "" {
		os.MkdirAll(kept, 0o700) // the user's, before root's daemon makes it its own; if we may not, the daemon may
	}
	return errors.Join(c.Short.make(c.Dir), c.Binary.linkDaemon(c.Dir), c.makeLog())
}

// makeLog makes the log this user's, whoever runs the daemon: it is read for
// what went wrong.
func (c Config) makeLog() error {
	log, err := openLog(c.Session)
	if err != nil {
		return err
	}
	return log.Close()
}

func (c Config) daemon(p process) *Daemon {
	d := Attach(c.Dir, c.SocketPath(), p.pid)
	d.Session, d.process = c.Session, p
	return d
}

// SocketPath is where the LocalAPI will answer.
func (c Config) SocketPath() string {
	if c.Socket != "" {
		return c.Socket
	}
	if c.Short != "" {
		return c.Short.Socket()
	}
	return SocketIn(c.Dir)
}

// PID is the daemon's process, for a later process to stop.
func (d *Daemon) PID() int { return d.process.pid }

// Attach speaks to a daemon that an earlier process started.
func Attach(dir, socket string, pid int) *Daemon {
	d := &Daemon{Socket: socket, process: process{pid: pid}, dir: dir}
	// client/local waits up to 5 s for a socket when any tailscaled runs on
	// the host. Ours is known to be there or gone.
	d.Local = &local.Client{Socket: socket, UseSocketOnly: true, Dial: d.dial}
	return d
}

var errForeign = errors.New("another tailscaled answers where this one should")

// dial connects to this daemon and to no other: where `tailscale` looks for
// one, the host's daemon or another join's may have taken its place. On Windows
// every user can take the name of a pipe.
func (d *Daemon) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	conn, err := dialSocket(ctx, d.Socket)
	if err != nil {
		return nil, err
	}
	if isShared(d.Socket) && !listensAs(conn, filepath.Join(d.dir, linkName), d.process.pid, rootOrOwn) {
		conn.Close()
		return nil, errForeign
	}
	return conn, nil
}

// between is the pause between attempts to connect to a socket that is not
// there yet: nothing announces it, and the whole wait is some 10 ms.
const between = 500 * time.Microsecond

var errExited = errors.New("tailscaled ended")

// awaitSocket returns when the socket accepts. The daemon itself holds the
// first call until its backend is up. Another tailscaled may still be about to
// end there.
func (d *Daemon) awaitSocket(ctx context.Context) error {
	tick := time.NewTicker(between)
	defer tick.Stop()
	var foreignSince time.Time
	for {
		conn, err := d.dial(ctx, "", "")
		switch {
		case err == nil:
			return conn.Close()
		case !errors.Is(err, errForeign):
			foreignSince = time.Time{}
		case foreignSince.IsZero():
			foreignSince = time.Now()
		case time.Since(foreignSince) > burial:
			return d.describeForeign()
		}
		select {
		case <-tick.C:
		case <-d.process.exited:
			return errExited
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// describeForeign is errForeign with the process that answers.
func (d *Daemon) describeForeign() error {
	pid, _ := listenerAt(d.Socket)
	return fmt.Errorf("%w: pid %d (%s) listens on %s, and ours is pid %d", errForeign, pid, ProgramOf(pid), d.Socket, d.process.pid)
}
