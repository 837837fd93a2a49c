package policy

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// Apply makes the file the live policy, if that is still the one that was
// looked at, and has m remember it. If it is the live policy already, nobody is
// asked for anything.
func (t *Tailnet) Apply(ctx context.Context, p *Plan, m Memory) (tsapi.Policy, error) {
	now := p.Live
	if p.Changed() {
		var err error
		if now, err = t.set(ctx, p); err != nil {
			return tsapi.Policy{}, err
		}
	}
	if p.Last.ETag == Version(now) {
		return now, nil
	}
	if err := m.Save(ctx, Version(now)); err != nil {
		return now, notKept(p, m, ended(ctx, err))
	}
	return now, nil
}

// set is Apply's one change.
func (t *Tailnet) set(ctx context.Context, p *Plan) (tsapi.Policy, error) {
	a := applying{Tailnet: t, Plan: p}
	err := t.call(ctx, "applying "+p.Path, a.once)
	switch {
	case err == nil:
		return tsapi.Policy{Text: p.File.Text(), ETag: a.now.ETag}, nil
	case isChanged(err):
		return t.changed(ctx, p, err)
	case a.unknown(err):
		return t.settle(ctx, p, err)
	default:
		return a.now, ended(ctx, p.explainRefusal(err))
	}
}

// An applying is one Apply under way.
type applying struct {
	*Tailnet
	*Plan
	sent bool // the policy may be in force, whatever the answer was
	now  tsapi.Policy
}

var errChanged = errors.New("the live policy is another one by now")

// once sends the policy. The second time it looks first: the answer may have
// been lost, and not what was asked for.
func (a *applying) once(ctx context.Context) (err error) {
	api := a.Asked.API
	if a.sent {
		a.now, err = api.Policy(ctx, a.Token)
		if err != nil || isLive(a.File, a.now) {
			return err
		}
		if Version(a.now) != Version(a.Live) {
			return errChanged
		}
	}
	a.sent = true
	a.now, err = api.SetPolicy(ctx, a.Token, a.File.Text(), Version(a.Live))
	return err
}

// unknown holds if nobody said whether the policy was taken.
func (a *applying) unknown(err error) bool {
	_, refused := access.Refusal(err)
	return a.sent && !refused
}

func isChanged(err error) bool {
	answer, ok := errors.AsType[*tsapi.Error](err)
	return errors.Is(err, errChanged) || ok && answer.Status == http.StatusPreconditionFailed
}

// changed looks who was quicker: somebody with the same policy, or with another.
func (t *Tailnet) changed(ctx context.Context, p *Plan, cause error) (tsapi.Policy, error) {
	live, err := t.live(ctx)
	switch {
	case err != nil || isLive(p.File, live):
		return live, ended(ctx, err)
	case bytes.Equal(live.Text, p.Live.Text):
		return tsapi.Policy{}, p.notItsVersion(cause)
	}
	return tsapi.Policy{}, p.changedElsewhere(live)
}

// settle looks once more when the last answer was none.
func (t *Tailnet) settle(ctx context.Context, p *Plan, cause error) (tsapi.Policy, error) {
	live, err := t.live(ctx)
	switch {
	case err != nil:
		return live, p.outcomeUnknown(cause)
	case isLive(p.File, live):
		return live, nil
	case Version(live) != Version(p.Live):
		return tsapi.Policy{}, p.changedElsewhere(live)
	}
	if _, later := errors.AsType[*retry.Later](cause); later { // an answer, and it was no
		return tsapi.Policy{}, cause
	}
	return tsapi.Policy{}, p.outcomeUnknown(cause)
}
