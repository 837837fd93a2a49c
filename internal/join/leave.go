package join

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"
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
