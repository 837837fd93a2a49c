package cli

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"

	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// join is the command. Everything the user said is checked before anything is
// done.
func (f *front) join(ctx context.Context, args []string) error {
	var in inputs
	fs := flag.NewFlagSet("join", flag.ContinueOnError)
	in.join(fs)
	if err := parse(fs, f.job, args); err != nil {
		return f.help(fs, err)
	}
	request, err := f.request(&in)
	if err != nil {
		return err
	}
	deps, err := f.deps(&in, request.Identity)
	if err != nil {
		return err
	}
	result, err := f.runJoin(ctx, request, deps, in.logMode)
	if err != nil {
		return err
	}
	return f.tell(result)
}

func (f *front) runJoin(ctx context.Context, r join.Request, d join.Deps, mode string) (join.Result, error) {
	if mode == "grouped" {
		defer f.job.Group("tailjoin: joining")()
	}
	f.mask(r.Identity.Secret)
	f.mask(r.Identity.AuthKey)
	return join.Run(ctx, r, d)
}

// tell gives later steps what they need and says in a line what was done.
func (f *front) tell(r join.Result) error {
	for _, o := range outputs {
		if err := f.job.Output(o.name, o.value(r)); err != nil {
			return err
		}
	}
	f.log("").Info(fmt.Sprintf("joined as %s (%s)", r.Node.Name, r.Node.IPv4), "ms", r.Phases[len(r.Phases)-1].Duration.Milliseconds())
	if err := f.job.Summary(summary(r)); err != nil {
		f.log("").Debug("writing the summary", "error", err)
	}
	return nil
}

// deps wires the verb's doors. An ID token that cannot be had is found out
// here, before any work.
func (f *front) deps(in *inputs, identity join.Identity) (join.Deps, error) {
	api := &tsapi.Client{BaseURL: in.apiBase(), UserAgent: "tailjoin/" + f.Version}
	d := join.Deps{Mask: f.mask, Path: f.job.Path, API: api, Self: f.Self, Log: f.log(in.logMode)}
	if !identity.Secret.IsZero() || !identity.AuthKey.IsZero() {
		return d, nil
	}
	env := idtoken.Env(f.env)
	source, err := idtoken.Detect(env)
	if err == nil {
		err = source.Check(env)
	}
	d.IDToken = func(ctx context.Context, audience string) (idtoken.Token, error) {
		if err != nil {
			return idtoken.Token{}, err
		}
		return source.Get(ctx, env, &http.Client{}, audience)
	}
	return d, err
}

// apiBase is where the API answers: a control server of one's own has it too.
func (in *inputs) apiBase() string {
	if in.apiURL != "" {
		return in.apiURL
	}
	return in.loginServer
}

// log is the job's, or what is left of it for a user who wants quiet.
func (f *front) log(mode string) *slog.Logger {
	if mode == "quiet" {
		return slog.New(atLeast{f.job.Log, slog.LevelWarn})
	}
	return slog.New(f.job.Log)
}

// atLeast drops records below a level.
type atLeast struct {
	slog.Handler
	level slog.Level
}

func (h atLeast) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// sessionDir is the directory that one join and its leave share.
func (f *front) sessionDir(in *inputs) string {
	if in.session != "" {
		return in.session
	}
	return filepath.Join(f.job.TempDir, "tailjoin")
}
