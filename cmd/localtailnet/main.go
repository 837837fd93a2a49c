// Localtailnet runs a whole tailnet on loopback: control server, Tailscale's
// API, DERP, an OIDC issuer like GitHub's, packages, and a peer to reach.
//
// It prints the environment in which tailjoin joins it, in lines that a shell
// or a .env reader understands:
//
//	localtailnet --env-file tailnet.env &
//	set -a; . ./tailnet.env; set +a
//	tailjoin join
//
// The file is written once all is ready. What happens on the tailnet is shown
// on standard error. See package localtailnet for the endpoints under /_test/.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := run(ctx, streams{os.Stdin, os.Stdout, os.Stderr}, os.Args[1:]); {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, errUsage):
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "localtailnet:", err)
		os.Exit(1)
	}
}

type streams struct {
	in       io.Reader
	out, err io.Writer
}

// errUsage is for flags that do not parse; the flag package has said why.
var errUsage = errors.New("usage")

type flags struct {
	tailnet   localtailnet.Options
	envFile   string
	github    bool
	exitNode  bool
	quiet     bool
	verbose   bool
	parentPID int
	stdin     bool
}

func parse(args []string, out io.Writer) (f flags, err error) {
	fs := flag.NewFlagSet("localtailnet", flag.ContinueOnError)
	fs.SetOutput(out)
	o := &f.tailnet
	fs.StringVar(&o.Listen, "listen", "127.0.0.1", "IP address of everything")
	fs.StringVar(&o.Domain, "domain", "", "MagicDNS suffix")
	fs.DurationVar(&o.Latency, "latency", 0, "added to every round trip, such as 40ms")
	fs.DurationVar(&o.EphemeralTimeout, "ephemeral-timeout", 30*time.Second, "until an ephemeral node that vanished is removed")
	fs.BoolVar(&o.DeviceApproval, "device-approval", false, "keep nodes out whose key was not preauthorized")
	fs.StringVar(&o.PackagesDir, "packages", "", "serve a real tailscaled and tailscale, built now and kept in this directory")
	fs.Int64Var(&o.Bandwidth, "bandwidth", 0, "of the package server, in bytes per second")
	fs.BoolVar(&f.exitNode, "exit-node", false, "let the peer be an exit node")
	fs.StringVar(&f.envFile, "env-file", "", "write the environment to this file too")
	fs.BoolVar(&f.github, "github", false, "print the variables of a GitHub job too")
	fs.IntVar(&f.parentPID, "parent-pid", 0, "end when this process is gone")
	fs.BoolVar(&f.stdin, "until-stdin-closes", false, "end when standard input is closed")
	fs.BoolVar(&f.quiet, "quiet", false, "do not show what happens")
	fs.BoolVar(&f.verbose, "verbose", false, "show what the servers and the peer log")
	if err := fs.Parse(args); err != nil {
		return f, errors.Join(errUsage, err)
	}
	o.AutoApproveRoutes = f.exitNode
	return f, nil
}

// run brings the tailnet up, says so, and takes it down when ctx ends or
// whoever wanted it has gone.
func run(ctx context.Context, s streams, args []string) error {
	f, err := parse(args, s.err)
	if err != nil {
		return err
	}
	if f.verbose {
		f.tailnet.Logf = func(format string, args ...any) { fmt.Fprintf(s.err, format+"\n", args...) }
	}
	ctx, end := context.WithCancel(ctx)
	defer end()
	f.endWithStarter(ctx, s.in, end)

	tn, err := localtailnet.Start(ctx, f.tailnet)
	if err != nil {
		return fmt.Errorf("starting the tailnet: %w", err)
	}
	defer tn.Close()
	peer, err := furnish(ctx, tn, f)
	if err != nil {
		return err
	}
	if err := f.announce(s.out, tn, peer); err != nil {
		return err
	}
	if !f.quiet {
		go follow(ctx, s.err, tn)
	}
	<-ctx.Done()
	return nil
}
