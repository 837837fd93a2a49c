//go:build unix

package join

import (
	"errors"
	"testing"
	"time"
)

func TestSession_isHeldByTheProcessThatJoins(t *testing.T) {
	s := mustSession(t)
	if err := awaitLock(s.dir, time.Millisecond); !errors.Is(err, errBusy) {
		t.Errorf("error %v, want %v", err, errBusy)
	}
	s.held.Close()
	if err := awaitLock(s.dir, time.Minute); err != nil {
		t.Error(err)
	}
}
