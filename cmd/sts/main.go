// Command sts is tailjoin-sts: the token service of a tailnet. It is a program
// apart from tailjoin, since tsnet would triple what every job fetches.
package main

import (
	"os"
	"runtime/debug"

	"github.com/tailjoin/tailjoin/internal/sts"
)

var version = "unreleased" // set by -ldflags

// garbage is Go's GOGC, if the environment has none. A service keeps about a
// megabyte, and each token leaves a dozen kilobytes behind: at 100, the
// default, all would stop for it dozens of times a second under load. So a
// token takes a tenth less, for some 15 MB.
const garbage = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	os.Exit(sts.Main(sts.Process{
		Args: os.Args[1:], Environ: os.Environ(), Out: os.Stdout, Err: os.Stderr,
		Version: version, Embedded: embedded,
	}))
}
