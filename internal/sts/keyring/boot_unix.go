//go:build unix

package keyring

import (
	"time"

	"golang.org/x/sys/unix"
)

// sinceBoot is 0 if the machine does not tell it. The time of day counts alone
// then.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(bootClock, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
