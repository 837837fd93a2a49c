//go:build unix

package tree

import "syscall"

// nonBlocking has opening a pipe not wait for its writer.
const nonBlocking = syscall.O_NONBLOCK
