package cli

import (
	"context"
	"time"
)

// A renewal makes something anew, and says until when it is good.
type renewal func(context.Context) (expires time.Time, err error)

const (
	shortestWait = time.Second     // between two renewals, however short they are good
	sorryWait    = 5 * time.Second // after one that failed
)

// keepFresh renews something that is good until then, again and again until
// ctx ends. What fails is tried again: the old one is good for a while.
func (f *front) keepFresh(ctx context.Context, expires time.Time, renew renewal) {
	wait := untilRenewal(expires)
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
		until, err := renew(ctx)
		if err == nil {
			expires, wait = until, untilRenewal(until)
			continue
		}
		wait = sorryWait
		if ctx.Err() == nil {
			f.log("").Warn("the token could not be renewed", "expires", stampOf(expires), "because", err)
		}
	}
}

// untilRenewal leaves a third of its life for what may fail.
func untilRenewal(expires time.Time) time.Duration {
	return max(time.Until(expires)*2/3, shortestWait)
}
