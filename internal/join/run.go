package join

import (
	"cmp"
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// Run joins and returns when the tailnet is usable. If it fails, or ctx ends,
// it has left again, as far as that goes in a few seconds: the rest is for
// Leave.
func Run(ctx context.Context, r Request, d Deps) (Result, error) {
	j, err := begin(ctx, r, d, false)
	if err != nil {
		j.leave(ctx)
		return Result{}, err
	}
	return j.result, nil
}

// Hold is Run for a process that itself leaves again: the session is open, and
// locked, as long as it lives, and the daemon is tied to it. leave is to be
// called once; after an error nobody needs to.
func Hold(ctx context.Context, r Request, d Deps) (result Result, leave func(context.Context) error, err error) {
	j, err := begin(ctx, r, d, true)
	if err != nil {
		j.leaveAlone(ctx)
		return Result{}, nil, err
	}
	return j.result, j.leaveForGood, nil
}

// begin is the whole join. After an error there is something to undo, unless
// there is no joining.
func begin(ctx context.Context, r Request, d Deps, tied bool) (*joining, error) {
	s, err := newSession(r.Dir, r.TrustedParent, r.known(), d.Log)
	if err != nil {
		return nil, explainPlace(r.Dir, err)
	}
	r.Install.Session, r.Install.Own = s.ID, filepath.Join(r.Dir, "cache")
	j := &joining{Request: r, Deps: d, session: s, phases: startPhases(), tied: tied}
	j.Install.SessionDir, j.Install.Installing = r.Dir, j.noteProduct
	if j.Install.Interface = j.Network; j.needsInterface() {
		j.Install.Interface = tailscaled.WantTUN
	}
	ctx, cancel := context.WithTimeoutCause(ctx, r.Timeout-reserve(r.Timeout), errTimeout)
	defer cancel()
	if err := j.run(ctx); err != nil {
		return j, j.ended(ctx, err)
	}
	return j, nil
}

// reserve is the part of a timeout that is kept to undo a join that was not
// done in time: what hasty allows for it.
func reserve(timeout time.Duration) time.Duration {
	return min(hasty.settle+hasty.logOut+hasty.stop+500*time.Millisecond, timeout/3)
}

// known is what Leave will need, as far as it is known before anything is done.
func (r Request) known() record {
	server := r.Up.Prefs.ControlURL
	if !r.Identity.AuthKey.IsZero() {
		return record{ByKey: true, Server: server}
	}
	return record{ClientID: r.Identity.ClientID, Audience: r.Identity.Audience, Server: server}
}

var errTimeout = errors.New("the time limit of the join is over")

// A joining is one join under way.
type joining struct {
	Request
	Deps
	session *session
	phases  *phases
	daemon  *tailscaled.Daemon
	result  Result
	tied    bool // the daemon is to end with this process
}

// run has two halves that do not depend on each other, so they run at the
// same time: an auth key by identity, and a daemon that waits for it.
func (j *joining) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	key := start(ctx, cancel, j.authKey)
	login := start(ctx, cancel, j.waitingDaemon)

	if err := j.logIn(ctx, key, login); err != nil {
		return err
	}
	if err := j.use(ctx); err != nil {
		return err
	}
	j.result.Phases = j.phases.list()
	return nil
}

func (j *joining) logIn(ctx context.Context, key func() (secret.Text, error), login func() (*tailscaled.Login, error)) error {
	waiting, daemonErr := login()
	authKey, keyErr := key()
	if err := first(ctx, keyErr, daemonErr); err != nil {
		return err
	}
	if err := j.session.note(func(r *record) { r.Login = true }); err != nil {
		return err
	}
	end := j.phases.measure("login")
	node, err := j.register(ctx, waiting, authKey)
	end()
	if tailscaled.IsNoControl(err) { // nothing to log out from
		err = errors.Join(err, j.session.note(func(r *record) { r.Login = false }))
	}
	if err != nil {
		return j.explainLogin(err)
	}
	j.result.Node = node
	j.sayWhetherNodeStays()
	return j.session.note(func(r *record) {
		r.Node = node.ID
		r.Key.Used = j.StateDir == "" // a node that is known by its state needs no key
	})
}

// register logs in. If control calls a key of ours used up, then the daemon's
// first try used it and the answer was lost: a key is for one node, so the next
// try needs another.
func (j *joining) register(ctx context.Context, waiting *tailscaled.Login, key secret.Text) (tailscaled.Node, error) {
	node, err := waiting.Run(ctx, key, j.loginAgain)
	if refused, ok := errors.AsType[*tailscaled.LoginError](err); !ok || !refused.SaysKeyIsSpent() || !j.Identity.AuthKey.IsZero() {
		return node, err
	}
	j.Log.Info("the auth key was used up by a login whose answer was lost; making another")
	if key, err = retry.Steps(ctx, j.again, j.mint); err != nil {
		return tailscaled.Node{}, err
	}
	return j.daemon.LogInAgain(ctx, key, j.loginAgain)
}

func (j *joining) loginAgain(reason string) {
	j.Log.Info("the control server does not answer; starting the login again", "because", reason)
}

// use makes the tailnet usable for later steps, and proves that it is.
func (j *joining) use(ctx context.Context) error {
	defer j.phases.measure("ready")()
	if err := cmp.Or(j.checkTailnet(), j.checkHealth(time.Now())); err != nil {
		return err
	}
	if j.Up.ExitNode != "" {
		if err := j.daemon.UseExitNode(ctx, j.Up.ExitNode); err != nil {
			return j.noExitNode(err)
		}
	}
	if err := j.linkCLI(ctx); err != nil {
		return err
	}
	j.checkNames(ctx)
	return j.await(ctx)
}

func (j *joining) checkTailnet() error {
	node := j.result.Node
	isExpected := func(name string) bool { return strings.EqualFold(name, strings.TrimSuffix(j.Tailnet, ".")) }
	if j.Tailnet == "" || slices.ContainsFunc([]string{node.Tailnet, node.Suffix}, isExpected) {
		return nil
	}
	return &diag.Problem{
		Code:    "wrong-tailnet",
		Summary: "this is not the tailnet that was expected",
		Facts:   []diag.Fact{{Name: "joined", Value: node.Tailnet}, {Name: "suffix", Value: node.Suffix}, {Name: "expected", Value: j.Tailnet}},
		Hint:    "the credential or key is another tailnet's; or write in expected-tailnet one of the two names above",
	}
}

// start runs f beside its caller. If f fails, everything else ends with its
// error as the cause.
func start[T any](ctx context.Context, cancel context.CancelCauseFunc, f func(context.Context) (T, error)) (wait func() (T, error)) {
	var value T
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		if value, err = f(ctx); err != nil {
			cancel(err)
		}
	}()
	return func() (T, error) {
		<-done
		return value, err
	}
}

// first is the error that ended the others, if there was one.
func first(ctx context.Context, errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return cause(ctx, err)
		}
	}
	return nil
}

// cause is what ended the work that err is about, if that was not its own
// failure. At the time limit err says what was waited for.
func cause(ctx context.Context, err error) error {
	ended := context.Cause(ctx)
	if ended == nil || errors.Is(ended, errTimeout) {
		return err
	}
	// net/http has the cause in its error, as if a request had come upon it.
	if errors.Is(err, context.Canceled) || errors.Is(err, ended) {
		return ended
	}
	return err
}
