package diagnosis

import (
	"fmt"
	"time"

	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/jwk"
)

// StartOf is when a token becomes valid: the later of its iat and nbf. It is the
// zero time if the token has neither.
func StartOf(c idtoken.Claims) time.Time {
	issued, start := c.Time("iat"), c.Time("nbf")
	if issued.After(start) {
		return issued
	}
	return start
}

// noticeable is a difference of two clocks that is worth a word: the API's says
// whole seconds.
const noticeable = 5 * time.Second

// ahead is how far this machine's clock is ahead of the API's.
func (e *Evidence) ahead() time.Duration {
	if e.Date.IsZero() || e.Now.IsZero() {
		return 0
	}
	return e.Now.Sub(e.Date.Add(time.Second / 2))
}

// clock compares the token's times with the API's clock, which counts, and with
// this machine's, which is close to it or wrong.
func (e *Evidence) clock() Cause {
	start, end := StartOf(e.Token.Claims), e.Token.Claims.Expires
	c := Cause{Field: "time", weight: certain - 5}
	for _, by := range []struct {
		whose string
		now   time.Time
		limit time.Duration
	}{
		{"this machine's", e.Now, 0}, {"the API's", e.Date, noticeable},
	} {
		switch {
		case by.now.IsZero():
		case start.After(by.now.Add(by.limit)):
			c.Reason = fmt.Sprintf("the ID token is not valid before %s, %v from now by %s clock", stamp(start), rounded(start.Sub(by.now)), by.whose)
			c.Fix = "set the clock of the machine that signs the tokens by NTP" + e.skewed()
			return c
		case !end.IsZero() && end.Before(by.now.Add(-by.limit)):
			c.Reason = fmt.Sprintf("the ID token expired at %s, %v ago by %s clock", stamp(end), rounded(by.now.Sub(end)), by.whose)
			c.Fix = "get a new ID token right before the join. If this one should still be valid, set the clock of this machine by NTP" + e.skewed()
			return c
		}
	}
	if end.IsZero() && e.Token.Claims.All != nil {
		c.Reason = "the ID token has no time at which it expires (exp)"
		c.Fix = "have the token made with an exp claim, a number of seconds since 1970: Tailscale takes no other"
		return c
	}
	return Cause{}
}

// skewed says how the two clocks differ, if they do.
func (e *Evidence) skewed() string {
	ahead := e.ahead()
	if ahead.Abs() <= noticeable {
		return ""
	}
	where := "behind"
	if ahead > 0 {
		where = "ahead of"
	}
	return fmt.Sprintf(".\nThe clock of this machine is %v %s the API's", rounded(ahead.Abs()), where)
}

// timesAreGood reports that the token is valid by both clocks, and that the API
// said what its own is.
func (e *Evidence) timesAreGood() bool {
	c := e.Token.Claims
	start := StartOf(c)
	return !e.Date.IsZero() && !c.Expires.IsZero() && !start.After(e.Date) && c.Expires.After(e.Date.Add(jwk.Leeway))
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// rounded is at least a second.
func rounded(d time.Duration) time.Duration { return max(d.Round(time.Second), time.Second) }
