package tailscaled

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/private"
	"tailscale.com/client/local"
	"tailscale.com/ipn"
)

// rootTasks are what this program does when sudo runs it again.
var rootTasks = map[string]func(ctx context.Context, s rootSession, in []byte) (any, error){
	"start":  rootStart,
	"stop":   rootStop,
	"link":   rootLink,
	"unlink": rootUnlink,
}

// checkTask says why root may not make a network interface, "" if it may. It
// knows no session, reads nothing and changes nothing.
const checkTask = "check"

// An answer is what a root task says to the process that called it.
type answer struct {
	Value any
	Error string // why it failed; "" if it did not
}

// A rootSession is the session that a root task is for. Its caller owns it.
type rootSession struct {
	path   string
	dir    *private.Dir // nil if it was removed
	caller caller
}

// openRootSession opens the session directory, which must be the caller's alone
// and where no third user can replace it.
func openRootSession(path string, c caller) (rootSession, error) {
	s := rootSession{path: path, caller: c}
	if err := private.CheckPlace(path, c.uid); err != nil {
		return s, err
	}
	var err error
	s.dir, err = private.Open(path, c.uid)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	return s, err
}

func (s rootSession) close() {
	if s.dir != nil {
		s.dir.Close()
	}
}

// RootTask does one task as root: its name, and the session's directory, by
// which a later process finds this one. Its input and answer are JSON. It is
// called by a process of ours that had not the rights, and that tells its
// errors. The caller cannot signal us: when its end of in is closed, ctx ends.
// env reads the variables in which sudo describes the user who called it.
func RootTask(ctx context.Context, env func(string) string, args []string, in io.Reader, out io.Writer) error {
	if len(args) == 1 && args[0] == checkTask {
		return json.NewEncoder(out).Encode(answer{Value: noTUN()})
	}
	if len(args) != 2 || rootTasks[args[0]] == nil {
		return fmt.Errorf("%q is not a root task and a directory", args)
	}
	c, err := callerOf(env)
	if err != nil {
		return err
	}
	session, err := openRootSession(args[1], c)
	if err != nil {
		return err
	}
	defer session.close()
	var body json.RawMessage
	if err := json.NewDecoder(in).Decode(&body); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		io.Copy(io.Discard, in)
		cancel()
	}()
	value, err := rootTasks[args[0]](ctx, session, body)
	if err != nil {
		return json.NewEncoder(out).Encode(answer{Error: err.Error()})
	}
	return json.NewEncoder(out).Encode(answer{Value: value})
}

// A started daemon is what rootStart answers with.
type started struct {
	PID   int
	Ended bool // before its LocalAPI answered
}

// rootStart starts the daemon and lets the user who called sudo operate it,
// so that nothing after this needs root but the daemon's end.
func rootStart(ctx context.Context, s rootSession, in []byte) (any, error) {
	var l launch
	if err := json.Unmarshal(in, &l); err != nil {
		return nil, err
	}
	if s.dir == nil {
		return nil, fmt.Errorf("session directory %s: %w", s.path, fs.ErrNotExist)
	}
	l.Dir, l.dir = s.path, s.dir
	if err := l.openVerified(s.caller); err != nil {
		return nil, err
	}
	defer l.program.Close()
	p, err := l.start(false)
	if err != nil {
		return nil, err
	}
	d := Attach(l.Dir, l.socket(), p.pid)
	d.process = p
	err = d.awaitSocket(ctx)
	if err == nil {
		err = setOperator(ctx, d.Local, s.caller.operator())
	}
	if errors.Is(err, errExited) {
		return started{p.pid, true}, nil
	}
	if ctx.Err() != nil { // the caller, who would stop it, is gone
		err = errors.Join(err, Stopping{Dir: l.Dir, PID: p.pid, TUN: l.TUN}.Stop(context.WithoutCancel(ctx)))
	}
	return started{PID: p.pid}, err
}

// openVerified opens the program that the caller has verified, if it still is
// that: the caller had no way to hand over its own open file. Only root and the
// caller, who may become root, can change it from here on.
func (l *launch) openVerified(c caller) error {
	path, err := filepath.EvalSymlinks(filepath.Join(l.Dir, linkName))
	if err != nil {
		return err
	}
	if l.program, err = openOwned(path, []int{0, c.uid}); err != nil {
		return err
	}
	sum, err := l.sum()
	if err == nil && sum != l.SHA256 {
		err = fmt.Errorf("%s was changed after it was verified", path)
	}
	if err != nil {
		l.program.Close()
	}
	return err
}

func (l launch) socket() string {
	for _, flag := range l.Args {
		if path, ok := strings.CutPrefix(flag, "--socket="); ok {
			return path
		}
	}
	return SocketIn(l.Dir)
}

func setOperator(ctx context.Context, lc *local.Client, username string) error {
	_, err := lc.EditPrefs(ctx, &ipn.MaskedPrefs{
		Prefs:           ipn.Prefs{OperatorUser: username},
		OperatorUserSet: true,
	})
	return err
}

// rootStop also stops the daemon of a session that was removed.
func rootStop(ctx context.Context, session rootSession, in []byte) (any, error) {
	var s Stopping
	if err := json.Unmarshal(in, &s); err != nil {
		return nil, err
	}
	s.Dir, s.Sudo, s.forCaller = session.path, false, true
	AwaitRoot(ctx, session.path, session.caller.uid, "start")
	if err := s.Stop(ctx); err != nil {
		return nil, err
	}
	return struct{}{}, s.giveBack(session)
}

// giveBack removes and hands over what only root can.
func (s Stopping) giveBack(session rootSession) error {
	var err error
	if session.dir != nil { // Taildrop's files, profiles, ssh keys: root's, of mode 0700
		err = session.dir.Delete(StateName)
	}
	if s.StateDir != "" {
		err = errors.Join(err, session.caller.giveState(s.StateDir))
	}
	return err
}

// AwaitRoot returns when no process is left that sudo runs for a user to do one
// of these tasks for a session, or after politely. The processes of a join that
// was killed end by themselves, but may have made something until then.
func AwaitRoot(ctx context.Context, session string, caller int, tasks ...string) {
	ctx, cancel := context.WithTimeout(ctx, politely)
	defer cancel()
	for _, task := range tasks {
		for _, pid := range processesEnding(sudoOf(caller), "root", task, session) {
			awaitExit(ctx, pid)
		}
	}
}

// awaitExit is AwaitExit until the deadline of ctx.
func awaitExit(ctx context.Context, pid int) bool {
	end, _ := ctx.Deadline()
	return AwaitExit(pid, time.Until(end))
}
