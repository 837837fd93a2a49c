package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/jwk"
)

// errNotYet tells r.Again why a refused ID token is sent once more.
var errNotYet = errors.New("the ID token is not valid yet: the clock of its issuer is ahead of this machine's")

// awaitStart waits until a refused ID token is valid by this machine's clock. It
// returns false if the token is valid already, or not within the leeway and
// ctx's deadline.
func (r Request) awaitStart(ctx context.Context, c idtoken.Claims) bool {
	wait := time.Until(startOf(c))
	if deadline, ok := ctx.Deadline(); wait <= 0 || wait > jwk.Leeway || ok && wait > time.Until(deadline) {
		return false
	}
	if r.Again != nil {
		r.Again(errNotYet, wait)
	}
	select {
	case <-time.After(wait):
		return true
	case <-ctx.Done():
		return false
	}
}

// startOf is when a token becomes valid: the later of its iat and nbf. It is the
// zero time if the token has neither.
func startOf(c idtoken.Claims) time.Time {
	issued, start := c.Time("iat"), c.Time("nbf")
	if issued.After(start) {
		return issued
	}
	return start
}

// clockFault says how the times of a refused token disagree with this machine's
// clock, and what to do about it. It returns "" if the token is valid at now.
func clockFault(c idtoken.Claims, now time.Time) (fault, hint string) {
	start, end := startOf(c), c.Expires
	switch {
	case start.After(now):
		return fmt.Sprintf("it is not valid before %s, %v from now", stamp(start), rounded(start.Sub(now))),
			"set the clock of this machine, or the clock of the issuer if that is yours, by NTP"
	case !end.IsZero() && end.Before(now):
		return fmt.Sprintf("it expired at %s, %v ago", stamp(end), rounded(now.Sub(end))),
			"get a new ID token right before the join. If this one should still be valid, set the clock of this machine by NTP"
	}
	return "", ""
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// rounded is at least a second.
func rounded(d time.Duration) time.Duration { return max(d.Round(time.Second), time.Second) }
