//go:build unix && !linux

package keyring

import "golang.org/x/sys/unix"

// bootClock goes on while a Mac sleeps: clock_gettime(3).
const bootClock = unix.CLOCK_MONOTONIC
