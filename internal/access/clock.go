package access

import (
	"context"
	"errors"
	"time"

	"github.com/tailjoin/tailjoin/internal/diagnosis"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/jwk"
)

// errNotYet tells r.Again why a refused ID token is sent once more.
var errNotYet = errors.New("the ID token is not valid yet: the clock of its issuer is ahead of this machine's")

// awaitStart waits until a refused ID token is valid by this machine's clock. It
// returns false if the token is valid already, or not within the leeway and
// ctx's deadline.
func (r Request) awaitStart(ctx context.Context, c idtoken.Claims) bool {
	wait := time.Until(diagnosis.StartOf(c))
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
