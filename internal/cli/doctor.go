package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/doctor"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/tsapi"
	"tailscale.com/ipn"
)

// A checkup is what the user says of what is to be looked at.
type checkup struct {
	inputs
	scopes, form string
	limit        time.Duration
}

func (c *checkup) flags(fs *flag.FlagSet) {
	c.idToken(fs)
	c.api(fs)
	c.bySpec(fs)
	fs.Var(hidden{&c.authKey}, "authkey", "auth key that a join would use, or file:PATH; it is not sent anywhere")
	fs.StringVar(&c.args, "args", "", "further flags of tailscale up that a join would be given")
	fs.StringVar(&c.tags, "tags", "", "comma-separated tags that a join would ask for: tag:ci,tag:deploy")
	c.network, c.scopes, c.form, c.limit = "auto", "auth_keys", "table", 15*time.Second
	fs.Var(choice{&c.network, []string{"auto", "tun", "userspace"}}, "network", "auto, tun (a network interface must be possible) or userspace")
	fs.StringVar(&c.scopes, "scopes", c.scopes, "comma-separated scopes that the credential must have")
	fs.Var(duration{&c.limit}, "limit", "time limit of all checks together")
	fs.Var(choice{&c.form, []string{"table", "json"}}, "output", "table or json")
}

// doctor is the command. It changes nothing, and ends with status 1 if a check
// failed.
func (f *front) doctor(ctx context.Context, args []string) error {
	var c checkup
	fs := flag.NewFlagSet("doctor", flag.ContinueOnError)
	c.flags(fs)
	if err := parse(fs, f.job, args); err != nil {
		return f.help(fs, err)
	}
	c.timeout = c.limit
	if err := f.useSpec(ctx, &c.inputs); err != nil {
		return err
	}
	request, err := f.checkup(&c)
	if err != nil {
		return err
	}
	report := doctor.Run(ctx, request)
	if c.form == "json" {
		err = f.writeJSON(report)
	} else {
		f.writeReport(report)
	}
	return errors.Join(err, verdictOf(report))
}

// checkup checks all that the user said. Who asks may be left out: then what
// does not need it is looked at.
func (f *front) checkup(c *checkup) (r doctor.Request, err error) {
	if err := f.fillWays(&c.inputs, c.upOfArgs()); err != nil {
		return r, err
	}
	identity, err := c.identity()
	if err != nil {
		return r, err
	}
	f.mask(identity.Secret)
	f.mask(identity.AuthKey)
	if err := c.checkAuthKey(); err != nil {
		return r, err
	}
	if len(c.ways()) > 0 {
		if err := c.checkWays(""); err != nil {
			return r, err
		}
	}
	if err := checkServers(&c.inputs, &join.Request{Identity: identity}); err != nil {
		return r, err
	}
	r = doctor.Request{
		Control: strings.TrimSuffix(cmp.Or(c.loginServer, ipn.DefaultControlURL), "/"),
		Scopes:  spec.List(c.scopes), Network: wishes[c.inputs.network], Self: f.Self,
		SearchPath: filepath.SplitList(f.env("PATH")), Env: f.env, Now: time.Now, Limit: c.limit,
		Access: access.Request{
			ClientID: identity.ClientID, Audience: identity.Audience, Secret: identity.Secret, Mask: f.mask,
			API: &tsapi.Client{BaseURL: c.apiBase(), UserAgent: "tailjoin/" + f.Version},
		},
	}
	r.AuthKey = !identity.AuthKey.IsZero()
	if identity.Secret.IsZero() && !r.AuthKey {
		f.addIDToken(&r, c)
	}
	if c.named != nil {
		r.Spec = c.spec
		r.Allow = func(claims idtoken.Claims) error { return c.named.Allow.Check(c.spec, spec.JobOf(claims.All)) }
	}
	r.Tags, err = spec.Tags(c.tags)
	return r, err
}

// looked is the audience of an ID token that nobody is going to take.
const looked = "tailjoin-doctor"

func (f *front) addIDToken(r *doctor.Request, c *checkup) {
	r.Optional = r.Access.ClientID == ""
	audience := c.ownAudience()
	source, err := f.idTokenSource(&c.inputs)
	if err == nil {
		r.Source = source.Name
	}
	r.Access.Job = f.knownOf(&c.inputs, source)
	if audience == "" && source.Audience == idtoken.Requested {
		audience = looked
	}
	r.IDToken = func(ctx context.Context) (idtoken.Token, error) {
		if err != nil {
			return idtoken.Token{}, err
		}
		token, err := source.Get(ctx, idtoken.Env(f.env), &http.Client{}, audience)
		f.mask(token.Text)
		return token, err
	}
}

// writeReport writes a row for each check, and below it what is to be compared
// and what to do.
func (f *front) writeReport(report doctor.Report) {
	table := [][]string{{"CHECK", "RESULT", "FINDING"}}
	more := func(text string) { table = append(table, []string{"", "", text}) }
	for _, c := range report.Checks {
		table = append(table, []string{c.Name, string(c.Result), c.Finding})
		names, width := slices.Sorted(maps.Keys(c.Facts)), 0
		for _, name := range names {
			width = max(width, len(name))
		}
		for _, name := range names {
			more(fmt.Sprintf("  %-*s  %s", width, name, strings.ReplaceAll(c.Facts[name], "\n", " ")))
		}
		label := "  hint: "
		for line := range strings.Lines(c.Hint) {
			more(label + strings.TrimSuffix(line, "\n"))
			label = "        "
		}
	}
	f.writeTable(table)
}

// verdictOf is nil if nothing failed.
func verdictOf(report doctor.Report) error {
	if report.OK {
		return nil
	}
	var failed []string
	for _, c := range report.Checks {
		if c.Result == doctor.Failed {
			failed = append(failed, c.Name)
		}
	}
	return &diag.Problem{
		Code:    "checks-failed",
		Summary: fmt.Sprintf("%d of %d checks failed: %s", len(failed), len(report.Checks), strings.Join(failed, ", ")),
		Hint:    "the report says of each what was found and what to do. Begin with the first: others may have failed because of it",
	}
}
