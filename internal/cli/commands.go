package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
)

// A command is one verb of the program, or a noun that has verbs.
type command struct {
	name, summary string
	run           func(*front, context.Context, []string) error
	verbs         []command
}

func commands() []command {
	return []command{
		{name: "join", summary: "put this job on a tailnet", run: (*front).join},
		{name: "leave", summary: "take it off again: nothing is left", run: (*front).leave},
		{name: "run", summary: "join, run a command, leave: run -- COMMAND", run: (*front).runCommand},
		{name: "spec", verbs: specVerbs()},
		{name: "ci", summary: "say what this job is and what it lacks", run: (*front).describe},
		{name: "token", verbs: tokenVerbs()},
		{name: "authkey", verbs: authkeyVerbs()},
		{name: "doctor", summary: "find out why a join will not work; changes nothing", run: (*front).doctor},
		{name: "trust", verbs: trustVerbs()},
		{name: "policy", verbs: policyVerbs()},
		{name: "version", summary: "print the version", run: (*front).version},
	}
}

func (f *front) run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "root" { // for sudo: not a command of users
		return tailscaled.RootTask(ctx, f.env, args[1:], f.In, f.Out)
	}
	return f.dispatch(ctx, "", commands(), args)
}

// dispatch runs the command that args begin with. path is how the user came
// here: "" or the name of a noun.
func (f *front) dispatch(ctx context.Context, path string, from []command, args []string) error {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		_, err := io.WriteString(f.streams[1], usage(path, from))
		return err
	}
	i := slices.IndexFunc(from, func(c command) bool { return c.name == args[0] })
	if i < 0 {
		return diag.Input(fmt.Sprintf("there is no command %q", strings.TrimSpace(path+" "+args[0])), strings.TrimSpace(usage(path, from)))
	}
	if c := from[i]; c.verbs != nil {
		return f.dispatch(ctx, strings.TrimSpace(path+" "+c.name), c.verbs, args[1:])
	}
	return from[i].run(f, ctx, args[1:])
}

func usage(path string, from []command) string {
	var b strings.Builder
	if path == "" {
		b.WriteString("tailjoin puts a CI job on a Tailscale network, without a stored secret.\n\n")
	}
	for _, line := range usageLines(path, from) {
		fmt.Fprintf(&b, "  tailjoin %-16s %s\n", line[0], line[1])
	}
	b.WriteString("\nFlags of a command: tailjoin COMMAND --help. Every flag can be given as an\nenvironment variable too: --oauth-client-id is TAILJOIN_OAUTH_CLIENT_ID.\n")
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
