package join

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/tailjoin/tailjoin/internal/private"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// A LeaveRequest names the session to undo, and says again who the job is: a
// session never holds a secret. An Identity that names no client is taken from
// the session, which is enough for a job's own identity.
type LeaveRequest struct {
	Dir           string
	TrustedParent string // as in Request
	CacheDir      string // where the join may have unpacked a daemon; "" is nowhere
	Identity      Identity
}

// limits of the parts of an undoing. A part takes as long only if a server
// does not answer, or the daemon does not end.
type limits struct {
	settle time.Duration // for a login that is under way
	logOut time.Duration
	api    time.Duration // for a deletion, and for a revocation
	stop   time.Duration // for the daemon to end by itself

	uninstall time.Duration // of Tailscale's MSI, or for its installation to end
}

// With the join that may have to be ended first, Leave stays under 45 s, which
// GitHub's runner leaves to a cancelled job. Where it is given less than half
// of that, as by Buildkite's agent, it is brisk. A join that was cancelled has
// five seconds; what it does not manage is for Leave.
var (
	patient = limits{settle: 3 * time.Second, logOut: 6 * time.Second, api: 6 * time.Second, stop: 8 * time.Second, uninstall: 30 * time.Second}
	brisk   = limits{settle: time.Second, logOut: 3 * time.Second, api: 1500 * time.Millisecond, stop: 2 * time.Second, uninstall: 8 * time.Second}
	hasty   = limits{settle: time.Second, logOut: time.Second, api: time.Second, stop: time.Second, uninstall: 2 * time.Second}
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
//
// If another user owns the session directory, or could replace it, Leave touches
// nothing and returns a Problem.
func Leave(ctx context.Context, r LeaveRequest, d Deps) (left bool, err error) {
	dir, err := openDir(r.Dir, r.TrustedParent)
	if errors.Is(err, fs.ErrNotExist) {
		return leaveLost(ctx, r, d)
	}
	if err != nil {
		return false, err
	}
	defer dir.Close()
	return leaveDir(ctx, dir, r, d)
}

// leaveDir is Leave for an opened session directory.
func leaveDir(ctx context.Context, dir *private.Dir, r LeaveRequest, d Deps) (left bool, err error) {
	s, err := readSession(dir)
	if errors.Is(err, errGarbled) {
		return true, errors.Join(err, leaveGarbled(ctx, dir, r, d))
	}
	if s == nil {
		return leaveUnrecorded(ctx, dir, r, d)
	}
	if err := s.Join.stop(); err != nil {
		return true, fmt.Errorf("ending the join that still runs: %w", err)
	}
	held, err := awaitLock(dir, d.Log, lockLimit)
	if err != nil {
		return true, err
	}
	defer held.Close() // nil is allowed
	// It may have written, or undone, more in the meantime.
	if s, err = readSession(dir); err != nil || s == nil {
		return true, err
	}
	l := newLeaving(s, r, d)
	l.limits = limitsWithin(ctx)
	return true, l.undo(ctx)
}

// leaveGarbled ends the daemon of a session whose file says nothing: it is known
// by the directory, and logs out as it ends.
func leaveGarbled(ctx context.Context, dir *private.Dir, r LeaveRequest, d Deps) error {
	found, err := endDaemonOf(ctx, dir.Path, d)
	if err != nil {
		return err
	}
	if err := unlinkLost(ctx, r, d, found != nil && found.Root); err != nil {
		return err
	}
	return (&session{dir: dir}).remove()
}

// leaveUnrecorded is for a directory without a record: a join was killed before
// it began, or a step removed its record. Unless a daemon runs from there, what
// else is in the directory is not ours.
func leaveUnrecorded(ctx context.Context, dir *private.Dir, r LeaveRequest, d Deps) (left bool, err error) {
	left, err = leaveLost(ctx, r, d)
	switch {
	case err != nil:
		return left, err
	case left:
		return true, (&session{dir: dir}).remove()
	}
	dir.Remove(fileName)
	dir.RemoveSelf()
	return false, nil
}

// leaveLost ends the daemon of a session that a later step removed.
func leaveLost(ctx context.Context, r LeaveRequest, d Deps) (left bool, err error) {
	found, err := endDaemonOf(ctx, r.Dir, d)
	if found == nil {
		return false, nil
	}
	how := "its daemon was found by name and ended"
	if found.Product != "" {
		how = "the Tailscale that was installed for it was found and uninstalled"
	}
	d.Log.Warn("a step of this job removed the session " + r.Dir + ": " + how + ". An auth key that was not used expires by itself")
	return true, errors.Join(err, unlinkLost(ctx, r, d, found.Root))
}

// endDaemonOf ends the daemon that runs from a directory of which nothing else
// is known. It returns nil if there is no such daemon.
func endDaemonOf(ctx context.Context, dir string, d Deps) (*tailscaled.Found, error) {
	found := tailscaled.FindIn(dir)
	if found == nil {
		return nil, nil
	}
	limits := limitsWithin(ctx)
	if found.Product != "" {
		logOutFound(ctx, dir, *found, d, limits)
		return found, uninstall(ctx, dir, found.Product, d, limits)
	}
	stopping := tailscaled.Stopping{Dir: dir, PID: found.PID, TUN: found.TUN, Sudo: found.Root, Self: d.Self, Limit: limits.stop}
	if found.TUN {
		stopping.Socket, stopping.SocketDir = tailscaled.DefaultSocket, true // only if it is empty
	}
	if found.Socket != "" {
		logOutFound(ctx, dir, *found, d, limits)
	}
	return found, stopping.Stop(ctx)
}

// logOutFound asks a daemon to log out whose socket is not in the session. Any
// daemon also does as it ends, if its state is in memory.
func logOutFound(ctx context.Context, dir string, found tailscaled.Found, d Deps, limits limits) {
	ctx, cancel := context.WithTimeout(ctx, limits.logOut)
	defer cancel()
	if err := tailscaled.Attach(dir, found.Socket, found.PID).LogOut(ctx); err != nil {
		d.Log.Info("the daemon did not log out when asked", "cause", err)
	}
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
	return &leaving{Deps: j.Deps, limits: patient, session: j.session, identity: j.Identity, cacheDir: j.Install.CacheDir}
}
