// Command action is tailjoin: what the action, the plugins of other CIs and
// people at a terminal run.
package main

import (
	"os"

	"github.com/tailjoin/tailjoin/internal/cli"
)

var version = "unreleased" // set by -ldflags

func main() {
	self, err := os.Executable()
	if err != nil {
		self = os.Args[0]
	}
	os.Exit(cli.Main(cli.Process{
		Args: os.Args[1:], Environ: os.Environ(), In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Version: version, Self: self,
	}))
}
