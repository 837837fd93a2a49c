package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"time"

	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// tokenVerbs are those of `tailjoin token`.
func tokenVerbs() []command {
	return []command{
		{name: "get", summary: "print this job's ID token, or write it to a file", run: (*front).tokenGet},
		{name: "inspect", summary: "show what an ID token says; verify it, compare it", run: (*front).tokenInspect},
		{name: "exchange", summary: "get an access token for Tailscale's API", run: (*front).tokenExchange},
	}
}

// tokenGet is the command `token get`.
func (f *front) tokenGet(ctx context.Context, args []string) error {
	g := getting{front: f}
	fs := flag.NewFlagSet("token get", flag.ContinueOnError)
	g.flags(fs)
	if err := parse(fs, f.job, args); err != nil {
		return f.help(fs, err)
	}
	if err := g.check(); err != nil {
		return err
	}
	expires, err := g.get(ctx)
	if err == nil && g.fresh {
		f.keepFresh(ctx, expires, g.get)
	}
	return err
}

// A getting is one ID token on its way to whoever wants it.
type getting struct {
	*front
	in    inputs
	to    destination
	shape shape
	fresh bool

	source   idtoken.Source
	audience string
}

func (g *getting) flags(fs *flag.FlagSet) {
	g.in.idToken(fs)
	g.to.flags(fs)
	g.shape.flags(fs)
	fs.Var(boolean{&g.fresh}, "keep-fresh", "write the file again before the token in it expires, until a signal ends that")
}

// check refuses, before any work, what cannot be done.
func (g *getting) check() (err error) {
	if err := g.to.check(g.job); err != nil {
		return err
	}
	if g.fresh && g.to.file == "" {
		return diag.Input("keep-fresh is for a file", "give file, too")
	}
	if err := g.shape.check(g.front, g.to); err != nil {
		return err
	}
	g.to.program = g.shape.name != "token"
	if g.source, err = g.idTokenSource(&g.in); err != nil {
		return err
	}
	g.audience = cmp.Or(g.in.audience, g.shape.audience(g.front), g.in.ownAudience())
	if g.audience == "" && g.source.Audience == idtoken.Requested {
		return diag.Input("an ID token is for somebody: it has an audience", "give audience, or oauth-client-id for one that is for Tailscale")
	}
	return nil
}

func (g *getting) get(ctx context.Context) (expires time.Time, err error) {
	token, err := g.ownToken(ctx, g.source, g.audience)
	if err != nil {
		return expires, err
	}
	shaped, err := shapes[g.shape.name].write(ctx, g.front, &g.shape, token)
	if err != nil {
		return expires, err
	}
	if g.fresh {
		g.log("").Info("the file has a token", "file", g.to.file, "expires", shaped.expires.UTC().Format(time.RFC3339))
	}
	return shaped.expires, g.deliver(shaped.Text, "id-token", g.to)
}

// ownToken is an ID token of this job. An empty audience is any, of a source
// that is not asked for one.
func (f *front) ownToken(ctx context.Context, source idtoken.Source, audience string) (idtoken.Token, error) {
	token, err := retry.Do(ctx, f.again, func(ctx context.Context) (idtoken.Token, error) {
		return source.Get(ctx, idtoken.Env(f.env), &http.Client{}, audience)
	})
	f.mask(token.Text)
	return token, err
}

// again is called once for each reason to wait.
func (f *front) again(reason error, limit time.Duration) {
	f.log("").Info("not available yet; trying again for "+limit.Round(time.Second).String()+" at most", "because", reason)
}

// A destination is where a command leaves the secret that it got. The zero
// value is the standard output.
type destination struct {
	file    string
	output  bool
	program bool // reads the standard output: no log shows it
}

func (d *destination) flags(fs *flag.FlagSet) {
	fs.StringVar(&d.file, "file", "", "file for it, which its owner alone can read; empty is the standard output")
	fs.Var(boolean{&d.output}, "step-output", "make it an output of the step instead, which the platform hides in every log")
}

// check refuses, before any work, what cannot be done.
func (d destination) check(job ci.Job) error {
	switch {
	case d.file != "" && d.output:
		return diag.Input("file and step-output are two places for one secret", "give one of them")
	case d.output && !job.Hides:
		return noOutput()
	}
	return nil
}

func noOutput() error {
	return diag.Input("this platform has no outputs that its logs do not show", "give file instead of step-output")
}

// deliver leaves a secret where the user wants it, and nowhere else.
func (f *front) deliver(s secret.Text, name string, to destination) error {
	switch {
	case to.file != "":
		if err := s.WriteFile(to.file); err != nil {
			return diag.Input("the secret cannot be written to the file", "name a file in a directory that this user may write to",
				diag.Fact{Name: "because", Value: err.Error()})
		}
		return nil
	case to.output:
		return f.deliverOutput(s, name)
	}
	if !to.program {
		f.warnOfLog()
	}
	_, err := fmt.Fprintln(f.Out, s.Reveal()) // past the streams that hide it
	return err
}

func (f *front) deliverOutput(s secret.Text, name string) error {
	err := f.job.Secret(name, s)
	if errors.Is(err, ci.ErrNoSecrets) {
		return noOutput()
	}
	return err
}

// warnOfLog says who else will see what is printed.
func (f *front) warnOfLog() {
	if f.job.Hides || f.job.Platform == "local" && f.env("CI") == "" {
		return
	}
	f.log("").Warn("this CI does not hide the secret in its log: see that nothing prints it, or have it written to a file (--file)")
}
