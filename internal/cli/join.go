package cli

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"time"

	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/diagnosis"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/oidc"
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
	request, err := f.request(ctx, &in)
	if err != nil {
		return err
	}
	deps, err := f.deps(&in, request.Identity)
	if err != nil {
		return err
	}
	if err := f.openEnvFile(&in); err != nil {
		return err
	}
	if err := f.admit(ctx, &in, request.Identity, &deps); err != nil {
		return err
	}
	result, err := f.runJoin(ctx, request, deps, in.logMode)
	if err != nil {
		return err
	}
	return f.tell(ctx, &in, result)
}

// openEnvFile has the job tell later commands by a file, if there is to be one.
func (f *front) openEnvFile(in *inputs) (err error) {
	path := cmp.Or(in.envFile, f.job.EnvFile)
	if path == "" {
		return nil
	}
	if f.job, err = f.job.WithEnvFile(path); err != nil {
		return diag.Input("env-file cannot be written", err.Error())
	}
	return nil
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
func (f *front) tell(ctx context.Context, in *inputs, r join.Result) error {
	for _, o := range outputs {
		if err := f.job.Output(o.name, o.value(r)); err != nil {
			return err
		}
	}
	if err := f.tellProxies(in, r); err != nil {
		return err
	}
	f.sayJoined("", r)
	if err := f.tellTokens(ctx, in, r); err != nil {
		return err
	}
	if err := f.job.Summary(summary(r)); err != nil {
		f.log("").Debug("writing the summary", "error", err)
	}
	return nil
}

func (f *front) tellProxies(in *inputs, r join.Result) error {
	if !in.proxyEnv {
		return nil
	}
	f.warnOfMachineProxy(r)
	for _, v := range f.proxyVariables(r) {
		if err := f.job.Variable(v.name, v.value); err != nil {
			return err
		}
	}
	return nil
}

func (f *front) sayJoined(mode string, r join.Result) {
	f.log(mode).Info(fmt.Sprintf("joined as %s (%s)", r.Node.Name, r.Node.IPv4), "ms", r.Phases[len(r.Phases)-1].Duration.Milliseconds())
}

// deps wires the verb's doors. An ID token that cannot be had is found out
// here, before any work.
func (f *front) deps(in *inputs, identity join.Identity) (join.Deps, error) {
	api := &tsapi.Client{BaseURL: in.apiBase(), UserAgent: "tailjoin/" + f.Version}
	d := join.Deps{Mask: f.mask, Path: func(dir string) error { return f.job.Path(dir) }, API: api, Self: f.Self, Log: f.log(in.logMode)}
	if !identity.Secret.IsZero() || !identity.AuthKey.IsZero() {
		return d, nil
	}
	var err error
	audience := identity.Audience
	if identity.ClientID == "" { // leave's, which finds both in the session
		audience = ""
	}
	d.IDToken, d.Job, err = f.idTokens(in, audience)
	return d, err
}

// knownOf is what is known of this job, to explain why an ID token of source is
// refused.
func (f *front) knownOf(in *inputs, source idtoken.Source) diagnosis.Job {
	return diagnosis.Job{
		Env: f.env, AudienceGiven: in.audience != "" && source.Audience == idtoken.Requested,
		Verify: func(ctx context.Context, token idtoken.Token) error {
			return oidc.Verify(ctx, &http.Client{}, token.Text, time.Now())
		},
	}
}

// idTokens is how this job gets ID tokens, and what is known of it. That there can be none for an
// audience is found out here, without asking the network; "" is one that is not
// known yet.
func (f *front) idTokens(in *inputs, audience string) (func(context.Context, string) (idtoken.Token, error), diagnosis.Job, error) {
	env := idtoken.Env(f.env)
	source, err := f.idTokenSource(in)
	switch {
	case err != nil:
	case audience == "":
		err = source.Check(env)
	default:
		err = source.Ready(env, audience)
	}
	return func(ctx context.Context, audience string) (idtoken.Token, error) {
		if err != nil {
			return idtoken.Token{}, err
		}
		return source.Get(ctx, env, &http.Client{}, audience)
	}, f.knownOf(in, source), err
}

// idTokenSource is the source that the inputs name, or the environment. What
// it reads is hidden from now on.
func (f *front) idTokenSource(in *inputs) (idtoken.Source, error) {
	source, err := idtoken.Choose(idtoken.Env(f.env), idtoken.Wish{
		Token: in.givenToken, Source: in.idTokenSource, Headers: in.idTokenHeaders, Body: in.idTokenBody, Key: in.idTokenKey, STS: in.stsURL, Proxy: f.env(ci.OutputVariable("http-proxy")),
		Environ: without(f.Environ, own...),
	})
	for _, s := range source.Secrets(idtoken.Env(f.env)) {
		if !slices.Contains([]string{in.audience, in.oauthClientID, in.ownAudience()}, s.Reveal()) { // which are shown
			f.hide(s)
		}
	}
	return source, err
}

// own are the inputs that are secrets: no program that we start needs them.
// In args there may be a key, too.
var own = []string{
	"TAILJOIN_AUTHKEY", "TAILJOIN_OAUTH_SECRET", "TAILJOIN_ID_TOKEN_HEADERS", "TAILJOIN_GITHUB_TOKEN", "TAILJOIN_API_KEY", "TAILJOIN_ARGS", "TAILJOIN_ID_TOKEN_BODY",
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

// trustedParent is the temporary directory that the platform gave this job, ""
// if it gave none.
func (f *front) trustedParent() string {
	if f.job.OwnTemp {
		return ""
	}
	return f.job.TempDir
}
