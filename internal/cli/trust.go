package cli

import (
	"context"
	"flag"
	"fmt"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/trust"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// trustVerbs are those of `tailjoin trust`.
func trustVerbs() []command {
	return []command{
		{name: "create", summary: "make a trust credential: create NAME", run: (*front).trustCreate},
		{name: "list", summary: "list trust credentials", run: (*front).trustList},
		{name: "show", summary: "show one: show NAME|ID", run: (*front).trustShow},
		{name: "update", summary: "make one as it is described, as a whole: update NAME|ID", run: (*front).trustUpdate},
		{name: "delete", summary: "make one useless: delete NAME|ID", run: (*front).trustDelete},
		{name: "render", summary: "write one down for other tools: render NAME", run: (*front).trustRender},
		{name: "check", summary: "say whether a token would be let in, and by which rule not: check [NAME|ID]", run: (*front).trustCheck},
		{name: "setup", verbs: setupVerbs()},
	}
}

// trustInputs are those of every verb of trust.
type trustInputs struct {
	keyInputs
	dryRun bool
	form   string
	words  []string // that are no flags
}

// flags leave out the audience of the caller's own ID token: here an audience
// is the credential's.
func (in *trustInputs) flags(fs *flag.FlagSet) {
	all := flag.NewFlagSet("", flag.ContinueOnError)
	in.keyInputs.flags(all)
	all.VisitAll(func(f *flag.Flag) {
		if f.Name != "audience" {
			fs.Var(f.Value, f.Name, f.Usage)
		}
	})
	in.narrower = "an OAuth client with the scopes federated_keys and oauth_keys may make trust credentials for its tags"
}

func (in *trustInputs) formFlag(fs *flag.FlagSet) {
	in.form = "table"
	fs.Var(choice{&in.form, []string{"table", "json"}}, "output", "table or json")
}

func (in *trustInputs) dryRunFlag(fs *flag.FlagSet) {
	fs.Var(boolean{&in.dryRun}, "dry-run", "say what would be done, and change nothing")
}

// shaping are the inputs that say what a credential is. They come from the
// command line alone: what was set for other commands must not let anybody in.
var shaping = []string{
	"name", "kind", "scope", "tag", "issuer", "subject", "audience", "claim", "branch", "git-tag", "environment", "spec", "dry-run",
}

// parse takes flags and so many words, in any order.
func (in *trustInputs) parse(f *front, fs *flag.FlagSet, args []string, least, most int, what string) (err error) {
	if in.words, err = parseAmongWords(fs, onlyByFlags(f.job, shaping...), args); err != nil {
		return f.help(fs, err)
	}
	switch n := len(in.words); {
	case n < least:
		return diag.Input(what+" is missing", "write tailjoin "+fs.Name()+" "+what)
	case n > most:
		return diag.Input(fmt.Sprintf("unexpected argument %q", in.words[most]), "put quotes round a name of several words; see tailjoin "+fs.Name()+" --help")
	}
	return nil
}

// tailnet is who asks, with an access token in hand.
func (f *front) tailnet(ctx context.Context, in *trustInputs) (trust.Tailnet, error) {
	request, err := f.keyAccess(&in.keyInputs)
	if err != nil {
		return trust.Tailnet{}, err
	}
	request.Scopes = nil // whatever is enough for the kind
	token, err := request.Get(ctx)
	return trust.Tailnet{Asked: request, Token: token}, err
}

// wishFlags are what a credential is to be.
func wishFlags(fs *flag.FlagSet, w *trust.Wish) {
	fs.Var(choice{(*string)(&w.Kind), []string{string(tsapi.Federated), string(tsapi.OAuthClient)}}, "kind", "federated (let in by an ID token, the default) or client (an OAuth client, by a secret)")
	fs.Var(lines{&w.Scopes}, "scope", "comma-separated scopes: auth_keys,devices:core")
	fs.Var(lines{&w.Tags}, "tag", "comma-separated tags that its keys carry, all of them or tags that they own: tag:ci,tag:deploy")
	fs.StringVar(&w.Issuer, "issuer", "", "issuer of the tokens, as they name it")
	fs.StringVar(&w.Subject, "subject", "", "subject of the tokens; * stands for any text")
	fs.StringVar(&w.Audience, "audience", "", "audience of the tokens; empty is api.tailscale.com/CLIENT-ID, which Tailscale makes up")
	fs.Var(lines{&w.Claims}, "claim", "NAME=PATTERN that another claim must hold, once for each; * stands for any text")
}

// items are those of a list that was given at once or in several flags.
func items(given []string) []string { return spec.List(strings.Join(given, ",")) }

func (f *front) trustRender(_ context.Context, args []string) error {
	var in trustInputs
	var wish trust.Wish
	format := "terraform"
	fs := flag.NewFlagSet("trust render", flag.ContinueOnError)
	wishFlags(fs, &wish)
	fs.Var(choice{&format, formats()}, "format", strings.Join(formats(), ", "))
	fs.StringVar(&in.apiURL, "api-url", tsapi.DefaultURL, "Tailscale's API, for curl")
	if err := in.parse(f, fs, args, 1, 1, "NAME"); err != nil {
		return err
	}
	wish.Name, wish.Scopes, wish.Tags = in.words[0], items(wish.Scopes), items(wish.Tags)
	c, err := wish.Credential()
	if err != nil {
		return err
	}
	f.warnOfRules(c)
	_, err = fmt.Fprint(f.streams[0], trust.Formats[format](c, in.apiURL))
	return err
}
