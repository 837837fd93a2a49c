package join

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"

	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// newLeaving takes the identity from the session only if the inputs name no
// client. The address of the API always comes from the inputs: the session is
// data that any step may have changed, and neither a secret nor an ID token must
// go where it points. A join by auth key has no identity at any API, whatever the
// inputs of the leave name.
func newLeaving(s *session, r LeaveRequest, d Deps) *leaving {
	i := r.Identity
	switch {
	case s.ByKey:
		i = Identity{}
	case !i.isKnownToAPI():
		i.ClientID, i.Audience = s.ClientID, s.Audience
	}
	return &leaving{Deps: d, session: s, identity: i, cacheDir: r.CacheDir, final: true}
}

// A leaving is one session being undone.
type leaving struct {
	Deps
	limits
	session  *session
	identity Identity
	cacheDir string            // as the inputs or the platform name it
	final    bool              // no later leave comes to undo what is left
	access   tsapi.AccessToken // asked for once, and only if it is needed
}

// undo goes backwards through what a join makes. What does not need the daemon
// is done while that ends.
func (l *leaving) undo(ctx context.Context) error {
	loggedOut := l.logOut(ctx)
	var others error
	var beside sync.WaitGroup
	beside.Go(func() { others = l.undoOthers(ctx, loggedOut == nil) })
	stopped := l.stopDaemon(ctx, loggedOut == nil && l.session.Daemon.light())
	beside.Wait()
	err := errors.Join(loggedOut, others, stopped)
	if err != nil && !l.final || stopped != nil { // another Leave must find the session
		return err
	}
	return errors.Join(err, l.session.remove())
}

// undoOthers undoes all but the daemon. That the node is off the tailnet is
// noted: a leave may be killed too, and the next has no daemon to ask.
func (l *leaving) undoOthers(ctx context.Context, loggedOut bool) error {
	noted := l.session.note(func(r *record) { r.Login = r.Login && !loggedOut })
	if loggedOut && l.session.Daemon.light() {
		l.session.clear(tailscaled.StateName) // what cannot be removed yet is for remove
	}
	return errors.Join(noted, l.unlink(ctx), l.revoke(ctx), l.discard())
}

// logOut takes the node off the tailnet, by the daemon or, if that is gone or
// does not answer, through the API.
func (l *leaving) logOut(ctx context.Context) error {
	if !l.session.Login {
		return nil
	}
	err := l.byDaemon(ctx)
	switch {
	case err == nil:
		return nil
	case l.session.Node == "" && !tailscaled.Answers(l.session.Daemon.Socket):
		return nil // no node that anybody knows of, and nobody to ask
	case l.session.Node == "":
		return err
	}
	if !l.identity.isKnownToAPI() {
		return fmt.Errorf("the node stays until the control server notices that it is gone, or for good if its auth key is not ephemeral: %w", err)
	}
	l.Log.Info("the daemon did not log out; deleting the node through the API", "cause", err)
	if apiErr := l.byAPI(ctx); apiErr != nil {
		return fmt.Errorf("the node stays until Tailscale notices that it is gone, since it is ephemeral: %w", errors.Join(err, apiErr))
	}
	return nil
}

func (l *leaving) byDaemon(ctx context.Context) error {
	state := l.session.Daemon
	daemon := tailscaled.Attach(l.session.dir.Path, state.Socket, state.PID)
	daemon.Session = l.session.dir
	settled := l.session.Node != "" || l.settle(ctx, daemon)
	ctx, cancel := context.WithTimeout(ctx, l.limits.logOut)
	defer cancel()
	if err := daemon.LogOut(ctx); err != nil {
		return err
	}
	l.warnOfKeptNode(daemon)
	if !settled {
		return errUnsettled
	}
	return nil
}

// settle waits for a login that is under way, and notes the node that came of
// it: a daemon forgets its key with the first try to log out, even if control
// never hears of that because we are killed.
func (l *leaving) settle(ctx context.Context, daemon *tailscaled.Daemon) bool {
	ctx, cancel := context.WithTimeout(ctx, l.limits.settle)
	defer cancel()
	settled := daemon.Settle(ctx)
	if node := daemon.NodeID(ctx); node != "" {
		l.session.note(func(r *record) { r.Node = node }) // if that fails, the daemon is still there to log out
	}
	return settled
}

// errUnsettled: the daemon knows of no node to log out until control has
// answered its login to the end.
var errUnsettled = errors.New("the login was still under way; a node that came of it is ephemeral and goes by itself")

func (l *leaving) byAPI(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.api)
	defer cancel()
	access, err := l.accessToken(ctx)
	if err != nil {
		return err
	}
	err = gone(l.again(ctx, func(ctx context.Context) error { return l.API.DeleteDevice(ctx, access, l.session.Node) }))
	if err != nil && l.isAbsent(ctx, access, err) {
		return nil
	}
	return err
}

// isAbsent reports whether the API refused to delete the node because it is gone:
// it may say so by a 400, for an ID that is not valid, or a 501, for a node that is
// not the tailnet's. Then it does not show the node either.
// Source: Tailscale's OpenAPI document, DELETE and GET /device/{deviceId}.
func (l *leaving) isAbsent(ctx context.Context, access tsapi.AccessToken, err error) bool {
	answer, ok := errors.AsType[*tsapi.Error](err)
	if !ok || answer.Status != 400 && answer.Status != 501 {
		return false
	}
	shown, err := l.API.Probe(ctx, access, "/device/"+url.PathEscape(l.session.Node))
	return err == nil && !shown.Page && (shown.Status == 400 || shown.Status == 404)
}

// again makes a request until it succeeds, or the time of its part is over.
func (l *leaving) again(ctx context.Context, request func(context.Context) error) error {
	_, err := retry.Do(ctx, nil, func(ctx context.Context) (struct{}, error) { return struct{}{}, request(ctx) })
	return err
}

// gone turns "there is no such thing" into success.
func gone(err error) error {
	if answer, ok := errors.AsType[*tsapi.Error](err); ok && answer.Status == 404 {
		return nil
	}
	return err
}

func (l *leaving) stopDaemon(ctx context.Context, atOnce bool) error {
	if product := cmp.Or(l.session.Product, tailscaled.InstalledFor(l.session.dir.Path)); product != "" {
		return uninstall(ctx, l.session.dir.Path, product, l.Deps, l.limits)
	}
	state := l.session.Daemon
	if !state.Started {
		return nil
	}
	stopping := tailscaled.Stopping{
		Dir: l.session.dir.Path, PID: state.PID, TUN: state.TUN,
		StateDir: state.StateDir, Sudo: l.bySudo(), Self: l.Self, AtOnce: atOnce, Limit: l.limits.stop,
	}
	if state.TUN { // never another path: this may be removed by root
		stopping.Socket, stopping.SocketDir = tailscaled.DefaultSocket, state.SocketDir
	}
	if err := stopping.Stop(ctx); err != nil {
		return err
	}
	return tailscaled.ShortPath(state.Short).Remove()
}

// uninstall removes the service that Tailscale's installer brought for the join.
func uninstall(ctx context.Context, session, product string, d Deps, limits limits) error {
	ctx, cancel := context.WithTimeout(ctx, limits.uninstall)
	defer cancel()
	d.Log.Info("removing what Tailscale's installer did for this join")
	return tailscaled.Uninstall(ctx, session, product)
}

// bySudo reports that the join had root's rights by sudo, and that we need it too.
func (l *leaving) bySudo() bool { return l.session.Daemon.Sudo && os.Geteuid() != 0 }

// revoke ends a key that nobody used. A join that got as far as its node has
// none, so this costs an ordinary leave nothing.
func (l *leaving) revoke(ctx context.Context) error {
	key := l.session.Key
	if !key.left() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.api)
	defer cancel()
	if err := l.revokeWith(ctx, key); err != nil {
		return fmt.Errorf("revoking an unused auth key (it expires within %v): %w", lifetime, err)
	}
	return nil
}

func (l *leaving) revokeWith(ctx context.Context, key keyState) error {
	access, err := l.accessToken(ctx)
	if err != nil {
		return err
	}
	ids := []string{key.ID}
	if !key.known() {
		err = l.again(ctx, func(ctx context.Context) (err error) {
			ids, err = l.API.KeysDescribed(ctx, access, l.session.Description())
			return err
		})
		if err != nil {
			return err
		}
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, gone(l.again(ctx, func(ctx context.Context) error { return l.API.RevokeKey(ctx, access, id) })))
	}
	return errors.Join(errs...)
}

// errNoIdentity keeps an ID token from being requested, and sent, for no client.
var errNoIdentity = errors.New("this session has no client for Tailscale's API")

func (l *leaving) accessToken(ctx context.Context) (tsapi.AccessToken, error) {
	if !l.access.IsZero() {
		return l.access, nil
	}
	if !l.identity.isKnownToAPI() {
		return tsapi.AccessToken{}, errNoIdentity
	}
	token, err := l.identity.asking(l.Deps).Get(ctx)
	if err == nil {
		l.access = token
	}
	return token, err
}

// discard removes what a killed install left in the cache. The session does not
// say where that is.
func (l *leaving) discard() error {
	return tailscaled.Install{CacheDir: l.cacheDir, Session: l.session.ID}.Discard()
}
