package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// A description is what `tailjoin ci` finds out: what somebody else needs to
// know to tell what goes wrong in a job.
type description struct {
	Version    string `json:"version"`
	Platform   string `json:"platform"`
	Marker     string `json:"marker,omitempty"` // the variable by which it was known
	Repository string `json:"repository,omitempty"`
	Ref        string `json:"ref,omitempty"`
	Run        string `json:"run,omitempty"`
	Node       string `json:"node"` // what the job's node is called
	Session    string `json:"session"`
	TempDir    string `json:"tempDir"`
	CacheDir   string `json:"cacheDir"`
	EnvFile    string `json:"envFile,omitempty"`
	Debug      bool   `json:"debug"`

	IDToken identityFacts `json:"idToken"`
}

// identityFacts are about the source of the job's ID tokens.
type identityFacts struct {
	Source   string         `json:"source,omitempty"`
	Title    string         `json:"title,omitempty"`
	Audience string         `json:"audience,omitempty"` // "requested", "configured" or "fixed"
	Missing  *missing       `json:"missing,omitempty"`  // why there can be none
	Claims   map[string]any `json:"claims,omitempty"`   // only if they were asked for
}

// A missing is a problem in short.
type missing struct {
	Code    string `json:"code"`
	Summary string `json:"summary"`
	Hint    string `json:"hint"`
	text    string
}

// describe is the command `ci`. Without any input it asks nobody anything.
func (f *front) describe(ctx context.Context, args []string) error {
	var in inputs
	fs := flag.NewFlagSet("ci", flag.ContinueOnError)
	in.access(fs)
	form, withToken := "text", false
	fs.Var(choice{&form, slices.Sorted(maps.Keys(forms))}, "output", "text or json")
	fs.Var(boolean{&withToken}, "id-token", "also ask for an ID token, and show its claims; never the token")
	if err := parse(fs, f.job, args); err != nil {
		return f.help(fs, err)
	}
	source, err := f.idTokenSource(&in)
	if p := diag.As(err); err != nil && p.Input {
		return err
	}
	d := f.description(&in)
	d.IDToken, err = f.identityFacts(ctx, source, err, in.ownAudience(), withToken)
	return errors.Join(forms[form](f, d), err)
}

// ownAudience is the audience that a join asks for; "" if the inputs say
// nothing of it.
func (in *inputs) ownAudience() string {
	client, err := spec.Attributes("oauth-client-id", in.oauthClientID)
	if err != nil || client.Value == "" {
		return in.audience
	}
	return cmp.Or(in.audience, "api.tailscale.com/"+client.Value)
}

func (f *front) description(in *inputs) description {
	job := f.job
	return description{
		Version: f.Version, Platform: job.Platform, Marker: job.Marker, Repository: job.Repository, Ref: job.Ref, Run: job.RunURL,
		Node: spec.Label(job.Name), Session: f.sessionDir(in), TempDir: job.TempDir, CacheDir: job.CacheDir,
		EnvFile: cmp.Or(in.envFile, job.EnvFile), Debug: job.Debug,
	}
}

var kinds = map[idtoken.Audience]string{idtoken.Requested: "requested", idtoken.Configured: "configured", idtoken.Fixed: "fixed"}

// tokenLimit is for one ID token, which is not tried again.
const tokenLimit = 30 * time.Second

// identityFacts are what is known of source, which none says there is not.
func (f *front) identityFacts(ctx context.Context, source idtoken.Source, none error, audience string, withToken bool) (identityFacts, error) {
	if none != nil {
		return identityFacts{Missing: newMissing(none)}, nil
	}
	facts := identityFacts{Source: source.Name, Title: source.Title, Audience: kinds[source.Audience]}
	env := idtoken.Env(f.env)
	check := source.Check(env)
	if check == nil && audience != "" {
		check = source.Ready(env, audience)
	}
	facts.Missing = newMissing(check)
	if check != nil || !withToken {
		return facts, nil
	}
	if audience == "" {
		return facts, diag.Input("an ID token is for somebody: it has an audience", "give oauth-client-id, or audience")
	}
	ctx, cancel := context.WithTimeout(ctx, tokenLimit)
	defer cancel()
	token, err := source.Get(ctx, env, &http.Client{}, audience)
	f.mask(token.Text)
	facts.Claims = token.Claims.All
	return facts, err
}

func newMissing(err error) *missing {
	if err == nil {
		return nil
	}
	p := diag.As(err)
	return &missing{p.Code, p.Summary, p.Hint, p.Text()}
}

// forms are the ways to print a description.
var forms = map[string]func(*front, description) error{"text": (*front).asText, "json": (*front).asJSON}

func (f *front) asJSON(d description) error { return f.writeJSON(d) }

// audiences say who decides a token's aud.
var audiences = map[string]string{
	"requested":  "tailjoin asks for it",
	"configured": "the pipeline's file or an administrator sets it",
	"fixed":      "the issuer sets the same for everybody",
}

func (f *front) asText(d description) error {
	platform := d.Platform
	if d.Marker != "" {
		platform += ", since " + d.Marker + " is set"
	}
	source := "none"
	if d.IDToken.Source != "" {
		source = fmt.Sprintf("%s (%s)", d.IDToken.Source, d.IDToken.Title)
	}
	rows := []variable{
		{"tailjoin", d.Version}, {"platform", platform}, {"repository", d.Repository}, {"ref", d.Ref}, {"run", d.Run}, {"node name", d.Node},
		{"session", d.Session}, {"directory", d.TempDir}, {"cache", d.CacheDir}, {"env-file", d.EnvFile}, {"debug", fmt.Sprint(d.Debug)},
		{"ID token", source}, {"audience", audiences[d.IDToken.Audience]},
	}
	for _, name := range slices.Sorted(maps.Keys(d.IDToken.Claims)) {
		rows = append(rows, variable{"  " + name, claimText(d.IDToken.Claims[name])})
	}
	if d.IDToken.Missing != nil {
		rows = append(rows, variable{"missing", d.IDToken.Missing.Summary})
	}
	f.writeRows(rows)
	if d.IDToken.Missing == nil {
		return nil
	}
	for line := range strings.Lines(d.IDToken.Missing.text) {
		fmt.Fprintln(f.streams[0], f.job.Harmless("  "+strings.TrimSuffix(line, "\n")))
	}
	return nil
}
