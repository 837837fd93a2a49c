package tailscaled

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"tailscale.com/client/local"
	"tailscale.com/ipn"
)

// rootTasks are what this program does when sudo runs it again.
var rootTasks = map[string]func(ctx context.Context, in []byte) (any, error){
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

// RootTask does one task as root: its name, and the session's directory, by
// which a later process finds this one. Its input and answer are JSON. It is
// called by a process of ours that had not the rights, and that tells its
// errors. The caller cannot signal us: when its end of in is closed, ctx ends.
func RootTask(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) == 1 && args[0] == checkTask {
		return json.NewEncoder(out).Encode(answer{Value: noTUN()})
	}
	if len(args) != 2 || rootTasks[args[0]] == nil {
		return fmt.Errorf("%q is no root task and a directory", args)
	}
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
	value, err := rootTasks[args[0]](ctx, body)
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
func rootStart(ctx context.Context, in []byte) (any, error) {
	var l launch
	if err := json.Unmarshal(in, &l); err != nil {
		return nil, err
	}
	if err := l.openVerified(); err != nil {
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
		err = setOperator(ctx, d.Local, l.operator())
	}
	if errors.Is(err, errExited) {
		return started{p.pid, true}, nil
	}
	if ctx.Err() != nil { // nobody is there any more who would stop it
		err = errors.Join(err, Stopping{Dir: l.Dir, PID: p.pid, TUN: l.TUN}.Stop(context.WithoutCancel(ctx)))
	}
	return started{PID: p.pid}, err
}

// operator is the caller's name. sudo has it from the directories of the
// machine, such as LDAP, which Go without cgo does not ask; $USER may be another
// user's. A number does where getent knows it, since tailscaled asks that.
func (l launch) operator() string {
	if name := os.Getenv("SUDO_USER"); name != "" && os.Getenv("SUDO_UID") == l.Caller {
		return name
	}
	if caller, err := user.LookupId(l.Caller); err == nil {
		return caller.Username
	}
	return l.Caller
}

// openVerified opens the program that the caller has verified, if it still is
// that: the caller had no way to hand over its own open file. Only root and the
// caller, who may become root, can change it from here on.
func (l *launch) openVerified() error {
	path, err := filepath.EvalSymlinks(filepath.Join(l.Dir, linkName))
	if err != nil {
		return err
	}
	owners := []uint32{0}
	if caller, err := strconv.ParseUint(os.Getenv("SUDO_UID"), 10, 32); err == nil {
		owners = append(owners, uint32(caller))
	}
	if l.program, err = openOwned(path, owners); err != nil {
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

func rootStop(ctx context.Context, in []byte) (any, error) {
	var s Stopping
	if err := json.Unmarshal(in, &s); err != nil {
		return nil, err
	}
	s.Sudo = false
	AwaitRoot(s.Dir, "start")
	if err := s.Stop(ctx); err != nil {
		return nil, err
	}
	return struct{}{}, s.giveBack()
}

// giveBack undoes for the user what only root can: see caller.
func (s Stopping) giveBack() error {
	c, err := callerOf(os.Getenv)
	if err != nil {
		return err
	}
	err = c.removeState(s.Dir)
	if s.StateDir != "" {
		err = errors.Join(err, c.giveState(s.StateDir))
	}
	return err
}

// AwaitRoot returns when no process is left that does one of these tasks for a
// session, sudo's among them. Those of a join that was killed end by
// themselves, but may have made something until then.
func AwaitRoot(session string, tasks ...string) {
	for _, task := range tasks {
		for _, pid := range processesEnding("root", task, session) {
			AwaitExit(pid, politely)
		}
	}
}
