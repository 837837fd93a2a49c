package tailscaled

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
	"tailscale.com/client/local"
	"tailscale.com/ipn"
)

// A LoginError is the control server's refusal of a node, in its own words.
type LoginError struct{ Message string }

func (e *LoginError) Error() string { return e.Message }

// SaysKeyIsSpent reports that control did not take the auth key. Neither control
// nor the daemon gives a code, so the text has to do.
func (e *LoginError) SaysKeyIsSpent() bool { return strings.HasPrefix(e.Message, "invalid key") }

// rateLimited begins what the daemon says of a 429: it tries again by itself.
const rateLimited = "node registration rate limited"

// A Login is a daemon that waits for an auth key: its settings are made and
// its events are watched, so that nothing is left to do when the key is there.
type Login struct {
	daemon *Daemon
	events *local.IPNBusWatcher
	ctx    context.Context         // of the events
	cancel context.CancelCauseFunc // ends them

	server string // the login server's address
	wrong  *doubt // whether that is right; nil if it is not in doubt
}

// A gaveUp is the cause by which a login ends its own events.
type gaveUp struct{ error }

// giveUp has wait return err.
func (l *Login) giveUp(err error) { l.cancel(&gaveUp{err}) }

// Prepare gives the daemon its settings. The login server among them takes
// effect with the login, and WantRunning must wait for it: a daemon that
// wants to run dials the server it knew before.
func (d *Daemon) Prepare(ctx context.Context, prefs *ipn.MaskedPrefs) (*Login, error) {
	keepRunning(prefs)
	if _, err := d.Local.EditPrefs(ctx, prefs); err != nil {
		return nil, d.explain(fmt.Errorf("setting the daemon's preferences: %w", err))
	}
	d.server = prefs.ControlURL
	return d.watch(ctx)
}

// keepRunning has a daemon on Windows keep its settings and stay on the tailnet
// while no program is connected to its LocalAPI. Other systems' daemons do so
// anyway.
func keepRunning(prefs *ipn.MaskedPrefs) {
	if runtime.GOOS == "windows" && !prefs.ForceDaemonSet {
		prefs.ForceDaemon, prefs.ForceDaemonSet = true, true
	}
}

// watch opens the daemon's events. They last as long as the login, not as the
// call that opens them.
func (d *Daemon) watch(ctx context.Context) (*Login, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	events, err := d.Local.WatchIPNBus(ctx, ipn.NotifyInitialState|ipn.NotifyInitialHealthState|ipn.NotifyNoNetMap)
	if err != nil {
		cancel(nil)
		return nil, d.explain(fmt.Errorf("watching the daemon: %w", err))
	}
	return &Login{daemon: d, events: events, ctx: ctx, cancel: cancel, server: d.server}, nil
}

func (l *Login) close() {
	l.trustServer()
	l.events.Close()
	l.cancel(nil)
}

// Run logs in and returns when the node runs. The key goes through the
// LocalAPI: no command line and no file ever holds it. If the control server
// does not answer, Run calls again with the reason and starts the login again.
func (l *Login) Run(ctx context.Context, key secret.Text, again func(reason string)) (Node, error) {
	if err := l.daemon.give(ctx, key); err != nil {
		l.close()
		return Node{}, err
	}
	patience := patienceWithin(ctx)
	node, err := l.finish(ctx, patience)
	if stall, ok := errors.AsType[*stalled](err); ok {
		again(stall.Error())
		return l.daemon.resume(ctx, key, 2*patience, again)
	}
	return node, err
}

// resume goes on with a login that stalled. The node may be registered, and only
// its network map be missing; the daemon does not say that. So it first asks for
// the map again, for a quarter of the time: with a key it would register a second
// node.
func (d *Daemon) resume(ctx context.Context, key secret.Text, patience time.Duration, again func(reason string)) (Node, error) {
	node, err := d.restartLogin(ctx, secret.Text{}, patience/4)
	if _, ok := errors.AsType[*stalled](err); ok {
		return d.logInAgain(ctx, key, patience, again)
	}
	return node, err
}

// LogInAgain logs in after a login that failed, with another key.
func (d *Daemon) LogInAgain(ctx context.Context, key secret.Text, again func(reason string)) (Node, error) {
	return d.logInAgain(ctx, key, patienceWithin(ctx), again)
}

// logInAgain starts the login until one comes to an end. Each has twice as much
// time as the one before: a network may be slow.
func (d *Daemon) logInAgain(ctx context.Context, key secret.Text, patience time.Duration, again func(reason string)) (Node, error) {
	for ; ; patience *= 2 {
		node, err := d.restartLogin(ctx, key, patience)
		stall, ok := errors.AsType[*stalled](err)
		if !ok {
			return node, err
		}
		again(stall.Error())
	}
}

// restartLogin stops the login before it watches, or what that one still has to
// say would be taken for the answer to the new one. With a key the daemon makes
// a new control client, whose requests do not wait for those that hang.
func (d *Daemon) restartLogin(ctx context.Context, key secret.Text, patience time.Duration) (Node, error) {
	if _, err := d.Local.EditPrefs(ctx, wantRunning(false)); err != nil {
		return Node{}, d.explain(fmt.Errorf("stopping the login: %w", err))
	}
	if !key.IsZero() {
		if err := d.give(ctx, key); err != nil {
			return Node{}, err
		}
	}
	l, err := d.watch(ctx)
	if err != nil {
		return Node{}, err
	}
	return l.finish(ctx, patience)
}

// patienceWithin is how long the first login may make no progress. The daemon
// itself would wait for a request that hangs until the deadline.
func patienceWithin(ctx context.Context) time.Duration {
	const longest, shortest = 10 * time.Second, 2 * time.Second
	if deadline, ok := ctx.Deadline(); ok {
		return min(longest, max(time.Until(deadline)/6, shortest))
	}
	return longest
}

// forever is longer than any join.
const forever = 1000 * time.Hour

// stalled is the error of a login that makes no progress.
type stalled struct{ patience time.Duration }

func (s *stalled) Error() string {
	return fmt.Sprintf("the login made no progress within %v", s.patience.Round(100*time.Millisecond))
}

// give hands the daemon a key, with which it logs in as soon as it wants to run.
func (d *Daemon) give(ctx context.Context, key secret.Text) error {
	if err := d.Local.Start(ctx, ipn.Options{AuthKey: key.Reveal()}); err != nil {
		return d.explain(fmt.Errorf("starting the login: %w", err))
	}
	return nil
}

func (l *Login) finish(ctx context.Context, patience time.Duration) (Node, error) {
	defer l.close()
	node, err := l.run(ctx, patience)
	if err != nil {
		return Node{}, l.daemon.explain(err)
	}
	return node, nil
}

func (l *Login) run(ctx context.Context, patience time.Duration) (Node, error) {
	if _, err := l.daemon.Local.EditPrefs(ctx, wantRunning(true)); err != nil {
		return Node{}, fmt.Errorf("starting the login: %w", err)
	}
	if err := l.wait(patience); err != nil {
		return Node{}, err
	}
	status, err := l.daemon.Local.StatusWithoutPeers(ctx)
	if err != nil {
		return Node{}, fmt.Errorf("reading the node's status: %w", err)
	}
	return nodeOf(status), nil
}

func wantRunning(on bool) *ipn.MaskedPrefs {
	return &ipn.MaskedPrefs{
		Prefs:          ipn.Prefs{WantRunning: on},
		WantRunningSet: true,
		LoggedOutSet:   on,
	}
}

// wait reads the daemon's events until it runs or cannot, or makes no progress
// for as long as patience; 0 has no limit.
func (l *Login) wait(patience time.Duration) error {
	stall := time.AfterFunc(cmp.Or(patience, forever), func() { l.giveUp(&stalled{patience}) })
	defer stall.Stop()
	for {
		event, err := l.events.Next()
		if err != nil {
			return l.ended(err)
		}
		done, err := l.judge(event)
		if done || err != nil {
			return err
		}
		l.doubtServer(event)
		switch {
		case isRateLimited(event) || l.wrong != nil:
			stall.Stop() // the server answers
		case event.State != nil && patience > 0:
			stall.Reset(patience)
		}
	}
}

// ended is why there are no more events.
func (l *Login) ended(err error) error {
	if own, ok := errors.AsType[*gaveUp](context.Cause(l.ctx)); ok {
		return own.error
	}
	if l.wrong != nil && errors.Is(l.ctx.Err(), context.DeadlineExceeded) {
		return l.wrong.err
	}
	return fmt.Errorf("waiting for the tailnet: %w", err)
}

var errBrowser = errors.New("the control server asks for a login by browser: it did not take the auth key")

// judge says whether an event ends the wait, and how.
func (l *Login) judge(event ipn.Notify) (done bool, err error) {
	if isRateLimited(event) {
		return false, nil
	}
	if event.ErrMessage != nil {
		return true, &LoginError{*event.ErrMessage}
	}
	if event.BrowseToURL != nil && *event.BrowseToURL != "" {
		return true, &LoginError{errBrowser.Error()}
	}
	if event.State == nil {
		return false, nil
	}
	switch *event.State {
	case ipn.Running:
		return true, nil
	case ipn.NeedsMachineAuth:
		return true, needsApproval(l.server)
	default:
		return false, nil
	}
}

func isRateLimited(event ipn.Notify) bool {
	return event.ErrMessage != nil && strings.HasPrefix(*event.ErrMessage, rateLimited)
}

func needsApproval(server string) error {
	keys := Console(server, "https://login.tailscale.com/admin/settings/keys")
	management := Console(server, "https://login.tailscale.com/admin/settings/device-management")
	return &diag.Problem{
		Code:    "needs-approval",
		Summary: "the tailnet wants an administrator to approve this node",
		Hint: "leave out preauthorized=false, or make the auth key a pre-approved one: " + keys + "\n" +
			"Or switch device approval off: " + management,
	}
}

// NodeID is the node's stable ID, "" if the daemon has none.
func (d *Daemon) NodeID(ctx context.Context) string {
	status, err := d.Local.StatusWithoutPeers(ctx)
	if err != nil || status.Self == nil {
		return ""
	}
	return string(status.Self.ID)
}

// LogOut takes the node off the tailnet. An ephemeral node is gone when it
// returns; a daemon that is logged out already does nothing.
func (d *Daemon) LogOut(ctx context.Context) error {
	err := d.Local.Logout(ctx)
	if err != nil && ctx.Err() == nil {
		// It fails beside another one, which a process may have asked for
		// that was killed since. After that one there is nothing to do.
		err = d.Local.Logout(ctx)
	}
	if err != nil {
		return fmt.Errorf("logging out: %w", err)
	}
	return nil
}

// Settle waits for a login that is under way to end, well or badly: a daemon
// that logs out before it has a node registers one a moment later. False means
// that it did not end before ctx did.
func (d *Daemon) Settle(ctx context.Context) bool {
	prefs, err := d.Local.GetPrefs(ctx)
	if err != nil || !prefs.WantRunning {
		return ctx.Err() == nil
	}
	l, err := d.watch(ctx)
	if err != nil {
		return ctx.Err() == nil
	}
	defer l.close()
	l.wait(0)
	return ctx.Err() == nil
}
