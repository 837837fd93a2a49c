// Package sts is the program of the token service: its commands, the wiring of
// the rooms below, and the one place that prints an error.
package sts

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// Exit statuses.
const (
	Done     = 0
	Failed   = 1
	BadInput = 2
)

// A Process is what the program is given.
type Process struct {
	Args    []string  // without the program's name
	Environ []string  // NAME=VALUE
	Out     io.Writer // results, and the audit
	Err     io.Writer // words for people
	Version string
	// Embedded makes the service a node of its own. It is given, since it links
	// all of tailscaled, and the commands that need no node do without.
	Embedded func(context.Context, NodeOptions) (*Node, error)
}

// Main runs the program and returns its exit status.
func Main(p Process) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return Run(ctx, p)
}

// Run runs the program until it is done or ctx ends, and returns its exit
// status.
func Run(ctx context.Context, p Process) int {
	err := (&front{p}).run(ctx, p.Args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return Done
	}
	problem := diag.As(err)
	io.WriteString(p.Err, problem.Text())
	if problem.Input {
		return BadInput
	}
	return Failed
}

// A front is the process as the commands see it.
type front struct{ Process }

// env is a variable of the process, "" if it is not set.
func (f *front) env(name string) string {
	for _, entry := range f.Environ {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// A command is one verb of the program, or a noun that has verbs.
type command struct {
	name, summary string
	run           func(*front, context.Context, []string) error
	verbs         []command
}

func commands() []command {
	return []command{
		{name: "serve", summary: "give out tokens, until stopped", run: (*front).serve},
		{name: "keys", verbs: []command{
			{name: "list", summary: "list the signing keys", run: (*front).keysList},
			{name: "rotate", summary: "sign with the next key from now on", run: (*front).keysRotate},
			{name: "export", summary: "print the public keys, as a JWK Set", run: (*front).keysExport},
		}},
		{name: "publish", summary: "write discovery and keys as files, for a web server or a bucket: publish DIR", run: (*front).publish},
		{name: "config", summary: "check the configuration and print it, without secrets", run: (*front).config},
		{name: "version", summary: "print the version", run: (*front).version},
	}
}

func (f *front) run(ctx context.Context, args []string) error {
	return f.dispatch(ctx, "", commands(), args)
}

// dispatch runs the command that args begin with. path is how the user came
// here: "" or the name of a noun.
func (f *front) dispatch(ctx context.Context, path string, from []command, args []string) error {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		_, err := io.WriteString(f.Err, usage(path, from))
		return err
	}
	i := slices.IndexFunc(from, func(c command) bool { return c.name == args[0] })
	name := strings.TrimSpace(path + " " + args[0])
	switch {
	case i < 0:
		return diag.Input(fmt.Sprintf("there is no command %q", name), strings.TrimSpace(usage(path, from)))
	case from[i].verbs != nil:
		return f.dispatch(ctx, name, from[i].verbs, args[1:])
	}
	return from[i].run(f, ctx, args[1:])
}

func usage(path string, from []command) string {
	var b strings.Builder
	if path == "" {
		b.WriteString("tailjoin-sts gives the nodes of a tailnet tokens that say who they are.\n\n")
	}
	for _, line := range usageLines(path, from) {
		fmt.Fprintf(&b, "  tailjoin-sts %-12s  %s\n", line[0], line[1])
	}
	b.WriteString("\nSettings are in a file, --config FILE. Each can be given as a flag or a variable too:\ntailjoin-sts serve --help lists them. --tokens-lifetime is TAILJOIN_STS_TOKENS_LIFETIME.\n")
	return b.String()
}

func usageLines(path string, from []command) (lines [][2]string) {
	for _, c := range from {
		name := strings.TrimSpace(path + " " + c.name)
		if c.verbs != nil {
			lines = append(lines, usageLines(name, c.verbs)...)
			continue
		}
		lines = append(lines, [2]string{name, c.summary})
	}
	return lines
}

func (f *front) version(context.Context, []string) error {
	_, err := fmt.Fprintln(f.Out, "tailjoin-sts", f.Version)
	return err
}
