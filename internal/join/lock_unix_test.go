//go:build unix

package join

import (
	"errors"
	"testing"
	"time"
)

func TestSession_isHeldByTheProcessThatJoins(t *testing.T) {
	s := mustSession(t)
	if _, err := awaitLock(s.dir, nil, time.Millisecond); !errors.Is(err, errBusy) {
		t.Errorf("error %v, want %v", err, errBusy)
	}
	s.held.Close()
	if _, err := awaitLock(s.dir, nil, time.Minute); err != nil {
		t.Error(err)
	}
}
