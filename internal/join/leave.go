package join

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/tailjoin/tailjoin/internal/tailscaled"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A LeaveRequest names the session to undo, and says again who the job is: a
// session never holds a secret. An Identity that names no client is taken from
// the session, which is enough for a job's own identity.
type LeaveRequest struct {
	Dir      string
	Identity Identity
}

// limits of the parts of an undoing. A part takes as long only if a server
// does not answer, or the daemon does not end.
type limits struct {
	settle time.Duration // for a login that is under way
	logOut time.Duration
	api    time.Duration // for a deletion, and for a revocation
	stop   time.Duration // for the daemon to end by itself
}

// With the join that may have to be ended first, Leave stays under 45 s, which
// GitHub's runner leaves to a cancelled job. Where it is given less than half
// of that, as by Buildkite's agent, it is brisk. A join that was cancelled has
// five seconds; what it does not manage is for Leave.
var (
	patient = limits{settle: 3 * time.Second, logOut: 6 * time.Second, api: 6 * time.Second, stop: 8 * time.Second}
	brisk   = limits{settle: time.Second, logOut: 3 * time.Second, api: 1500 * time.Millisecond, stop: 2 * time.Second}
	hasty   = limits{settle: time.Second, logOut: time.Second, api: time.Second, stop: time.Second}
)

func limitsWithin(ctx context.Context) limits {
	if end, ok := ctx.Deadline(); ok && time.Until(end) < 20*time.Second {
		return brisk
	}
	return patient
}

// lockLimit is for a process between fork and exec, and for another Leave that
// does not come to its end.
const lockLimit = 5 * time.Second

// Leave undoes a join, however that ended. It may be called again, and without
// a session it has nothing to do. Every part is tried whatever became of the
// others; the error joins what could not be undone. left is false if there was
// no session.
func Leave(ctx context.Context, r LeaveRequest, d Deps) (left bool, err error) {
	s, err := openSession(r.Dir)
	if errors.Is(err, errGarbled) {
		return true, errors.Join(err, leaveGarbled(ctx, r.Dir, d))
	}
	if err != nil {
		return false, err
	}
	if s == nil {
		removeUnused(r.Dir)
		return false, nil
	}
	if err := s.Join.stop(); err != nil {
		return true, fmt.Errorf("ending the join that still runs: %w", err)
	}
	if err := awaitLock(r.Dir, lockLimit); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true, err
	}
	// It may have written, or undone, more in the meantime.
	if s, err = openSession(r.Dir); err != nil || s == nil {
		return true, err
	}
	l := newLeaving(s, r.Identity, d)
	l.limits = limitsWithin(ctx)
	return true, l.undo(ctx)
}

// leaveGarbled ends the daemon of a session whose file says nothing: it is known
// by the directory, and logs out as it ends.
func leaveGarbled(ctx context.Context, dir string, d Deps) error {
	l := &leaving{Deps: d, limits: limitsWithin(ctx), session: &session{dir: dir}}
	l.session.Daemon.Started = true
	err := l.stopDaemon(ctx, false)
	if errors.Is(err, fs.ErrPermission) { // it is root's
		l.session.Daemon.Sudo = true
		err = l.stopDaemon(ctx, false)
	}
	if err != nil {
		return err
	}
	return l.session.remove()
}

// newLeaving takes the identity and the API's address from one and the same
// place: the session is data that any step may have changed, and a secret must
// not go where it points.
func newLeaving(s *session, i Identity, d Deps) *leaving {
	if i.ClientID == "" && i.Secret.IsZero() {
		i.ClientID, i.Audience = s.ClientID, s.Audience
		d.API = &tsapi.Client{BaseURL: s.API, UserAgent: d.API.UserAgent}
	}
	return &leaving{Deps: d, session: s, identity: i, final: true}
}

// A leaving is one session being undone.
type leaving struct {
	Deps
	limits
	session  *session
	identity Identity
	final    bool              // nobody comes after this to undo what is left
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
		l.session.clear() // what cannot be removed yet is for remove
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
	l.Log.Info("the daemon did not log out; deleting the node through the API", "cause", err)
	if apiErr := l.byAPI(ctx); apiErr != nil {
		return fmt.Errorf("the node stays until Tailscale notices that it is gone, since it is ephemeral: %w", errors.Join(err, apiErr))
	}
	return nil
}

func (l *leaving) byDaemon(ctx context.Context) error {
	state := l.session.Daemon
	daemon := tailscaled.Attach(l.session.dir, state.Socket, state.PID)
	settled := l.session.Node != "" || l.settle(ctx, daemon)
	ctx, cancel := context.WithTimeout(ctx, l.limits.logOut)
	defer cancel()
	if err := daemon.LogOut(ctx); err != nil || settled {
		return err
	}
	return errUnsettled
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
	return gone(l.API.DeleteDevice(ctx, access, l.session.Node))
}

// gone turns "there is no such thing" into success.
func gone(err error) error {
	if answer, ok := errors.AsType[*tsapi.Error](err); ok && answer.Status == 404 {
		return nil
	}
	return err
}

func (l *leaving) stopDaemon(ctx context.Context, atOnce bool) error {
	state := l.session.Daemon
	if !state.Started {
		return nil
	}
	stopping := tailscaled.Stopping{
		Dir: l.session.dir, PID: state.PID, TUN: state.TUN, HostPATH: state.HostPATH,
		Sudo: l.bySudo(), Self: l.Self, AtOnce: atOnce, Limit: l.limits.stop,
	}
	if state.TUN { // never another path: this may be removed by root
		stopping.Socket, stopping.SocketDir = tailscaled.DefaultSocket, state.SocketDir
	}
	return stopping.Stop(ctx)
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
		if ids, err = l.API.KeysDescribed(ctx, access, l.session.Description()); err != nil {
			return err
		}
	}
	var errs []error
	for _, id := range ids {
		errs = append(errs, gone(l.API.RevokeKey(ctx, access, id)))
	}
	return errors.Join(errs...)
}

func (l *leaving) accessToken(ctx context.Context) (tsapi.AccessToken, error) {
	if !l.access.IsZero() {
		return l.access, nil
	}
	token, err := l.identity.asking(l.Deps).Get(ctx)
	if err == nil {
		l.access = token
	}
	return token, err
}

// discard removes what an install left in the cache that was killed.
func (l *leaving) discard() error {
	return tailscaled.Install{CacheDir: l.session.Cache, Session: l.session.ID}.Discard()
}

// leave undoes a join that failed, from within. Its own trouble is not worth
// hiding the failure for: another leave will meet it again.
func (j *joining) leave(ctx context.Context) {
	if j == nil {
		return
	}
	l := j.leaving()
	if ctx.Err() != nil {
		l.limits = hasty
	}
	if err := l.undo(context.WithoutCancel(ctx)); err != nil {
		j.Log.Warn("not everything could be undone; `tailjoin leave` tries again", "because", err)
	}
}

// aloneLimit is for an undoing after which nobody comes: below what a platform
// leaves to a job that it cancels.
const aloneLimit = 9 * time.Second

// leaveAlone undoes a join that failed, and no other leave will.
func (j *joining) leaveAlone(ctx context.Context) {
	if j == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), aloneLimit)
	defer cancel()
	if err := j.leaveForGood(ctx); err != nil {
		j.Log.Warn("not everything could be undone: " + err.Error())
	}
}

// leaveForGood undoes a join from within.
func (j *joining) leaveForGood(ctx context.Context) error {
	l := j.leaving()
	l.final, l.limits = true, limitsWithin(ctx)
	return l.undo(ctx)
}

func (j *joining) leaving() *leaving {
	return &leaving{Deps: j.Deps, limits: patient, session: j.session, identity: j.Identity}
}
