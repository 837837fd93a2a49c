package tailscaled

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tailjoin/tailjoin/internal/private"
)

// A launch is one exec of the daemon. It crosses a process boundary when sudo
// is needed: this program runs again as root and reads it from its input,
// since a command line is for everybody to see.
type launch struct {
	Dir  string
	Args []string
	Env  []string
	TUN  bool

	SHA256 string // of the program that root is to run

	program *os.File     // what was verified; nil is what linkName leads to
	tied    bool         // it is to end with this process
	dir     *private.Dir // Dir, opened
}

// A process is a daemon's. exited is closed when it has ended.
type process struct {
	pid    int
	exited <-chan struct{}
}

func (c Config) launch(ctx context.Context) (process, error) {
	l := c.newLaunch()
	if c.Rights.Sudo {
		return l.bySudo(ctx, c.Self)
	}
	return l.start(c.Rights.Nobody)
}

func (c Config) newLaunch() launch {
	return launch{Dir: c.Dir, dir: c.Session, Args: c.flags(), Env: c.environment(), TUN: c.Rights.TUN, program: c.Binary.file, tied: c.Tied}
}

// flags are ours, then the user's. Of two alike the last one counts, but the
// first one stays whatever follows: see isDaemon.
func (c Config) flags() []string {
	socket, state := c.paths()
	flags := []string{
		stateFlag(c.Dir),
		"--socket=" + socket,
		"--state=mem:",
		"--tun=" + c.tun(),
		"--port=0",
	}
	if c.Rights.Nobody {
		flags = append(flags, "--statedir="+state)
	}
	if kept := c.KeptDir(); kept != "" {
		flags = append(flags, "--statedir="+kept)
	}
	if c.StateDir != "" {
		flags = append(flags, "--state="+filepath.Join(c.StateDir, stateName))
	}
	if c.Proxy != "" {
		flags = append(flags, "--socks5-server="+c.Proxy, "--outbound-http-proxy-listen="+c.Proxy)
	}
	if c.Debug {
		flags = append(flags, "--verbose=1")
	}
	return append(flags, c.Args...)
}

// stateFlag is the daemon's flag for its own directory in the session's.
func stateFlag(session string) string { return "--statedir=" + filepath.Join(session, StateName) }

// paths are the daemon's socket and its own directory, as it calls them: one
// that runs apart is in there, and knows no other way.
func (c Config) paths() (socket, state string) {
	if c.Rights.Nobody {
		return filepath.Base(c.SocketPath()), "."
	}
	return c.SocketPath(), filepath.Join(c.Dir, StateName)
}

func (c Config) tun() string {
	if c.Rights.TUN {
		return tunName
	}
	return "userspace-networking"
}

// environment is made new: a job's own holds tokens that a daemon has no use
// for. Without iptables in its PATH the daemon takes nftables by netlink and
// skips a clean-up at start that would run the program a dozen times.
func (c Config) environment() []string {
	path := filepath.Join(c.Dir, pathName)
	if c.HostPATH {
		path = hostPATH()
	} else {
		linkHelpers(path)
	}
	_, state := c.paths()
	env := []string{"PATH=" + path, homeVariable + "=" + state, "TS_LOGS_DIR=" + state}
	return append(env, c.Env...)
}

func hostPATH() string { return strings.Join(systemPath, string(os.PathListSeparator)) }

// A helper is a program that the daemon runs by its name.
type helper struct {
	program string
	where   string // a path without which the program is of no use; "" if it always is
}

// helpers are, by operating system, the programs by which a daemon changes the
// network's settings, and finds a user whom only a directory such as LDAP knows.
// A container often has a systemctl and no systemd (sd_booted(3) tells), and each
// call in vain costs 5 ms.
var helpers = map[string][]helper{
	"linux": {
		{"resolvconf", ""},
		{"systemctl", "/run/systemd/system"},
		{"restorecon", ""},
		{"getent", ""},
	},
	"darwin": {
		{"ifconfig", ""},
		{"route", ""},
	},
}

// linkHelpers gives the daemon what it needs of the host's PATH. One that is
// missing is not an error: most machines have only some.
func linkHelpers(dir string) {
	for _, h := range helpers[runtime.GOOS] {
		if h.where != "" && !exists(h.where) {
			continue
		}
		for _, from := range systemPath {
			if program := filepath.Join(from, h.program); exists(program) {
				alias(program, filepath.Join(dir, h.program))
				break
			}
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// start runs the daemon from here.
func (l launch) start(apart bool) (process, error) {
	log, err := openLog(l.dir)
	if err != nil {
		return process{}, err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(l.Dir, linkName), l.Args...)
	cmd.Env = l.Env
	cmd.Dir = l.Dir
	cmd.Stdout, cmd.Stderr = log, log
	setOwnSession(cmd)
	if apart {
		release, err := l.runApart(cmd)
		if err != nil {
			return process{}, err
		}
		defer release()
	} else if l.program != nil && !isAt(l.program, cmd.Path) && !isScript(l.program) {
		runOpen(cmd, l.program)
	}
	if l.TUN {
		lock, err := holdTUN(cmd)
		if err != nil {
			return process{}, err
		}
		defer lock.Close()
	}
	if l.tied {
		tie(cmd)
	}
	exited, err := run(cmd, apart)
	if err != nil {
		return process{}, err
	}
	if l.tied {
		err = tieStarted(cmd.Process.Pid)
	}
	return process{cmd.Process.Pid, exited}, err
}

// isAt reports whether a path in a directory of ours is an open file itself,
// and no link. Then it is run by its name, which ps shows.
func isAt(f *os.File, path string) bool {
	named, err := os.Lstat(path)
	if err != nil {
		return false
	}
	open, err := f.Stat()
	return err == nil && os.SameFile(named, open)
}

// openLog keeps root, who starts a daemon in another user's directory, from
// writing outside of it.
func openLog(session *private.Dir) (*os.File, error) {
	return session.OpenRegular(logName, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

// isScript reports whether a program is one that wraps the daemon, as in NixOS:
// it hands on the name by which it was called.
func isScript(f *os.File) bool {
	start := make([]byte, 2)
	f.ReadAt(start, 0)
	return string(start) == "#!"
}

// run starts the daemon and waits for its end, in one thread: a daemon that is
// tied ends with that. One that runs apart gets no right by a setuid program.
func run(cmd *exec.Cmd, apart bool) (exited <-chan struct{}, err error) {
	ended, started := make(chan struct{}), make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread is nobody else's
		defer close(ended)
		var err error
		if apart {
			err = neverGainRights()
		}
		if err == nil {
			err = cmd.Start()
		}
		started <- err
		if err == nil {
			cmd.Wait()
		}
	}()
	return ended, <-started
}

// bySudo runs this program again as root, to start the daemon there.
func (l launch) bySudo(ctx context.Context, self string) (process, error) {
	var err error
	if l.SHA256, err = l.sum(); err != nil {
		return process{}, err
	}
	var s started
	if err := runAsRoot(ctx, self, "start", l.Dir, l, &s); err != nil {
		return process{}, err
	}
	p := process{s.PID, watchExit(s.PID)}
	if s.Ended {
		return p, errExited
	}
	return p, nil
}

// sum is the SHA-256 of the program.
func (l launch) sum() (string, error) {
	if l.program == nil {
		return sumTarget(filepath.Join(l.Dir, linkName))
	}
	return sumOf(io.NewSectionReader(l.program, 0, largestFile))
}

// sumTarget hashes the file that a path leads to.
func sumTarget(path string) (string, error) {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	return sumFile(target)
}

// runAsRoot runs the named task of RootTask under sudo, and reads its answer.
func runAsRoot(ctx context.Context, self, task, dir string, in, out any) error {
	var said, words bytes.Buffer
	cmd := sudo(ctx, self, "root", task, dir)
	cmd.Stdout, cmd.Stderr = &said, &words
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	cmd.Cancel = stdin.Close // root's process takes no signal of ours
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("running as root: %w", err)
	}
	sent := json.NewEncoder(stdin).Encode(in)
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("running as root: %w: %s", err, strings.TrimSpace(words.String()))
	}
	got := answer{Value: out}
	if err := errors.Join(sent, json.Unmarshal(said.Bytes(), &got)); err != nil {
		return fmt.Errorf("running as root: %w", err)
	}
	if got.Error != "" {
		return errors.New(got.Error)
	}
	return nil
}
