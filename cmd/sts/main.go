// Command sts is tailjoin-sts: the token service of a tailnet. It is a program
// apart from tailjoin, since tsnet would triple what every job fetches.
package main

import (
	"os"

	"github.com/tailjoin/tailjoin/internal/sts"
)

var version = "unreleased" // set by -ldflags

func main() {
	os.Exit(sts.Main(sts.Process{
		Args: os.Args[1:], Environ: os.Environ(), Out: os.Stdout, Err: os.Stderr,
		Version: version, Embedded: embedded,
	}))
}
