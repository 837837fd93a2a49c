//go:build linux

package e2e

import (
	"net/http"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

func TestJoin_controlThatIsBusy_isAskedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{})
	w.fault(localtailnet.OpRegister, localtailnet.Fault{Status: 429, Header: http.Header{"Retry-After": {"1"}}, Times: 1})
	w.mustJoin("--network=userspace")
	w.mustLeave()
	w.wantNothingLeft()
}

// The daemon asks again with a new node key, and a key of ours is for one node.
func TestJoin_loginWhoseAnswerIsLost_takesAnotherKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Second})
	w.fault(localtailnet.OpRegister, localtailnet.Fault{Lost: true, Times: 1})
	w.mustJoin("--network=userspace")
	if got := len(w.Keys()); got != 2 {
		t.Errorf("%d keys were made, want 2", got)
	}
	w.mustLeave()
	w.mustWait(func() bool { return len(w.jobNodes()) == 0 }) // the first one was never told of
	w.wantNothingLeft()
}
