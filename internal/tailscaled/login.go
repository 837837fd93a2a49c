package tailscaled

import (
	"context"
	"errors"
	"fmt"
	"strings"

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
}

// Prepare gives the daemon its settings. The login server among them takes
// effect with the login, and WantRunning must wait for it: a daemon that
// wants to run dials the server it knew before.
func (d *Daemon) Prepare(ctx context.Context, prefs *ipn.MaskedPrefs) (*Login, error) {
	if _, err := d.Local.EditPrefs(ctx, prefs); err != nil {
		return nil, d.explain(fmt.Errorf("setting the daemon's preferences: %w", err))
	}
	return d.watch(ctx)
}

// watch opens the daemon's events. They last as long as the login, not as the
// call that opens them.
func (d *Daemon) watch(ctx context.Context) (*Login, error) {
	events, err := d.Local.WatchIPNBus(ctx, ipn.NotifyInitialState|ipn.NotifyNoNetMap)
	if err != nil {
		return nil, d.explain(fmt.Errorf("watching the daemon: %w", err))
	}
	return &Login{d, events}, nil
}

// Run logs in and returns when the node runs. The key goes through the
// LocalAPI: no command line and no file ever holds it.
func (l *Login) Run(ctx context.Context, key secret.Text) (Node, error) {
	if err := l.daemon.give(ctx, key); err != nil {
		l.events.Close()
		return Node{}, err
	}
	return l.finish(ctx)
}

// LogInAgain logs in after a login that failed, with another key. It stops that
// one before it watches, or what that one still has to say would be taken for
// the answer to this.
func (d *Daemon) LogInAgain(ctx context.Context, key secret.Text) (Node, error) {
	if _, err := d.Local.EditPrefs(ctx, wantRunning(false)); err != nil {
		return Node{}, d.explain(fmt.Errorf("stopping the login: %w", err))
	}
	if err := d.give(ctx, key); err != nil {
		return Node{}, err
	}
	l, err := d.watch(ctx)
	if err != nil {
		return Node{}, err
	}
	return l.finish(ctx)
}

// give hands the daemon a key, with which it logs in as soon as it wants to run.
func (d *Daemon) give(ctx context.Context, key secret.Text) error {
	if err := d.Local.Start(ctx, ipn.Options{AuthKey: key.Reveal()}); err != nil {
		return d.explain(fmt.Errorf("starting the login: %w", err))
	}
	return nil
}

func (l *Login) finish(ctx context.Context) (Node, error) {
	defer l.events.Close()
	node, err := l.run(ctx)
	if err != nil {
		return Node{}, l.daemon.explain(err)
	}
	return node, nil
}

func (l *Login) run(ctx context.Context) (Node, error) {
	if _, err := l.daemon.Local.EditPrefs(ctx, wantRunning(true)); err != nil {
		return Node{}, fmt.Errorf("starting the login: %w", err)
	}
	if err := l.wait(); err != nil {
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

// wait reads the daemon's events until it runs or cannot.
func (l *Login) wait() error {
	for {
		event, err := l.events.Next()
		if err != nil {
			return fmt.Errorf("waiting for the tailnet: %w", err)
		}
		done, err := judge(event)
		if done || err != nil {
			return err
		}
	}
}

var errBrowser = errors.New("the control server asks for a login by browser: it did not take the auth key")

// judge says whether an event ends the wait, and how.
func judge(event ipn.Notify) (done bool, err error) {
	if event.ErrMessage != nil && strings.HasPrefix(*event.ErrMessage, rateLimited) {
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
		return true, needsApproval()
	default:
		return false, nil
	}
}

func needsApproval() error {
	return &diag.Problem{
		Code:    "needs-approval",
		Summary: "the tailnet wants an administrator to approve this node",
		Hint: "leave out preauthorized=false, or make the auth key a pre-approved one: https://login.tailscale.com/admin/settings/keys\n" +
			"Or switch device approval off: https://login.tailscale.com/admin/settings/device-management",
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
	events, err := d.Local.WatchIPNBus(ctx, ipn.NotifyInitialState|ipn.NotifyNoNetMap)
	if err != nil {
		return ctx.Err() == nil
	}
	defer events.Close()
	(&Login{d, events}).wait()
	return ctx.Err() == nil
}
