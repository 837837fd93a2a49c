package tailscaled

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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

// An answer is what a root task says to the process that called it.
type answer struct {
	Value any
	Error string // why it failed; "" if it did not
}

// RootTask does one task as root: its input and answer are JSON. It is
// called by a process of ours that had not the rights, and that tells its
// errors.
func RootTask(ctx context.Context, name string, in io.Reader, out io.Writer) error {
	task, ok := rootTasks[name]
	if !ok {
		return fmt.Errorf("no root task is called %q", name)
	}
	body, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	value, err := task(ctx, body)
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
	p, err := l.start(false)
	if err != nil {
		return nil, err
	}
	d := Attach(l.Dir, l.socket(), p.pid)
	d.process = p
	err = d.awaitSocket(ctx)
	if err == nil {
		err = setOperator(ctx, d.Local, l.Operator)
	}
	if errors.Is(err, errExited) {
		return started{p.pid, true}, nil
	}
	return started{PID: p.pid}, err
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
	return struct{}{}, s.Stop(ctx)
}
