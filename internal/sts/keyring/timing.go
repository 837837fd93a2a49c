package keyring

import (
	"fmt"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// Timing is how long keys are what they are. Only together the times make
// sense, so Check looks at all of them.
type Timing struct {
	Lifetime time.Duration // the longest of a token
	Skew     time.Duration // between clocks, and until every replica has heard of a change
	Overlap  time.Duration // a retired key stays published for so long; zero is Lifetime + Skew
	CacheFor time.Duration // verifiers may keep the published keys for so long
	Every    time.Duration // a key signs for so long; zero is until somebody rotates
	Refresh  time.Duration // between two looks at the store, each of which may take as long
}

// overlap is for how long a retired key is published.
func (t Timing) overlap() time.Duration {
	if t.Overlap == 0 {
		return t.Lifetime + t.Skew
	}
	return t.Overlap
}

// stale is how long a ring may be used to sign that could not be compared with
// the store.
func (t Timing) stale() time.Duration { return 3 * t.Refresh }

// shown is how long such a ring may be shown: until the last token that was
// signed with it has expired, and every copy that was to be kept has, too.
func (t Timing) shown() time.Duration { return t.stale() + max(t.Lifetime, t.CacheFor) }

// lead is how long a key must have been in the store before it signs, so that
// no ring is shown any more that lacks it. What it has beyond shown is for the
// differences between clocks and for answers that are under way.
func (t Timing) lead() time.Duration { return max(t.Lifetime, t.CacheFor) + t.Skew }

// shortestRefresh is for tests; whoever has the store thanks for more.
const shortestRefresh = 100 * time.Millisecond

// Check reports times with which a good token would be refused.
func (t Timing) Check() error {
	least := t.Lifetime + t.Skew
	switch {
	case t.Refresh < shortestRefresh:
		return tooShort("the keys would be looked at without a pause", "refresh", t.Refresh, fmt.Sprintf("%v or more", shortestRefresh))
	case t.overlap() < least:
		return tooShort("a retired key would be published for less time than its tokens live", "overlap", t.Overlap,
			fmt.Sprintf("%v or more: the longest lifetime of a token, %v, and %v between clocks", least, t.Lifetime, t.Skew))
	case t.Skew < t.stale()+t.Refresh:
		return tooShort("a replica could still sign with a key that is published no longer", "skew", t.Skew,
			fmt.Sprintf("%v or more: a replica that cannot look at the keys stops after %v, and %v are for clocks and answers under way", t.stale()+t.Refresh, t.stale(), t.Refresh))
	case t.Every != 0 && t.Every < t.lead():
		return tooShort("a key would sign before every verifier knows it", "every", t.Every,
			fmt.Sprintf("%v or more: a set of keys is shown or kept for up to %v, and the skew of %v comes on top", t.lead(), max(t.Lifetime, t.CacheFor), t.Skew))
	}
	return nil
}

func tooShort(summary, name string, given time.Duration, want string) error {
	return diag.Input(summary, fmt.Sprintf("signingKey.rotation.%s has to be %s", name, want),
		diag.Fact{Name: "signingKey.rotation." + name, Value: given.String()})
}
