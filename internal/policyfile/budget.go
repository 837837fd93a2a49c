package policyfile

import (
	"context"
	"errors"
)

// mostSteps bounds the work of one comparison, to about a second. 3,000 rules
// that are all replaced take about a third of that.
const mostSteps = 256 << 20

// perWord is what a word of memory costs, in steps: so the budget bounds memory,
// too.
const perWord = 8

// betweenLooks is after how many steps the context is looked at again.
const betweenLooks = 1 << 20

var errTooMuch = errors.New("comparing these two policies takes too many steps")

// A budget is the steps that a comparison may still take. A step is about what
// looking at one atom costs.
//
// Once spend returns false, results no longer count: loops end, and Effect
// returns the error.
type budget struct {
	ctx  context.Context
	left int
	look int // when left is less, the context is looked at
	err  error
}

func newBudget(ctx context.Context, steps int) *budget {
	return &budget{ctx: ctx, left: steps, look: steps, err: ctx.Err()}
}

// spend takes steps from the budget and reports whether the work may go on.
func (b *budget) spend(steps int) bool {
	b.left -= steps
	if b.err != nil || b.left >= b.look {
		return b.err == nil
	}
	b.look = max(b.left-betweenLooks, 0)
	if b.err = b.ctx.Err(); b.err == nil && b.left < 0 {
		b.err = errTooMuch
	}
	return b.err == nil
}

// fail ends the work. The first error stays.
func (b *budget) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}
