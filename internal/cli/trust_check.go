package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"slices"
	"time"

	"github.com/kballard/go-shellquote"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/spec"
	"github.com/tailjoin/tailjoin/internal/trust"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// trustCheck is the command `trust check`. Without a name or an ID the
// credential is what the flags say, and nobody is asked.
func (f *front) trustCheck(ctx context.Context, args []string) error {
	var in trustInputs
	var wish trust.Wish
	var i inspection
	fs := flag.NewFlagSet("trust check", flag.ContinueOnError)
	in.keyInputs.flags(fs)
	fs.StringVar(&wish.Issuer, "issuer", "", "issuer that the credential trusts, if none is named")
	fs.StringVar(&wish.Subject, "subject", "", "its subject; * stands for any text")
	fs.Var(lines{&wish.Claims}, "claim", "its rule for another claim, NAME=PATTERN, once for each")
	fs.StringVar(&i.file, "file", "", "file with the token, - for the standard input; empty asks for one of this job's")
	fs.Var(boolean{&i.verify}, "verify", "verify the token by the keys that its issuer publishes, too")
	in.formFlag(fs)
	if err := in.parse(f, fs, args, 0, 1, "NAME|ID"); err != nil {
		return err
	}
	wish.Audience = in.ownAudience()
	given := in.audience
	c, err := f.toCheck(ctx, &in, wish)
	if err != nil {
		return err
	}
	wanted := f.audienceOfJoin(c, given)
	token, err := f.tokenToCheck(ctx, &in, i.file, wanted.value)
	if err != nil {
		return err
	}
	findings, err := trust.Check(c, token.Claims.All, time.Now())
	if err != nil {
		return err
	}
	if i.file == "" {
		findings = wanted.note(findings, token.Claims)
	}
	f.warnOfRules(c)
	verdict := i.judge(ctx, token, findings)
	return errors.Join(f.writeCheck(c, findings, verdict, in.form), verdict.err, trust.Verdict(c, findings))
}

// warnOfRules says what a credential lets in that may not be meant.
func (f *front) warnOfRules(c tsapi.Credential) {
	for _, text := range trust.Warnings(c) {
		f.log("").Warn(text)
	}
}

// toCheck is the credential that is meant.
func (f *front) toCheck(ctx context.Context, in *trustInputs, wish trust.Wish) (tsapi.Credential, error) {
	byFlags := wish.Issuer+wish.Subject != "" || len(wish.Claims) > 0
	switch {
	case len(in.words) > 0 && byFlags:
		return tsapi.Credential{}, diag.Input("there are two credentials to check against", "name one, or say by --issuer, --subject and --claim what it is")
	case len(in.words) == 0 && !byFlags:
		return tsapi.Credential{}, diag.Input("there is no credential to check against", "name one (its name or its ID), or say by --issuer, --subject and --claim what it is")
	case len(in.words) == 0:
		return asDescribed(wish)
	}
	in.audience = "" // that of the token to check, not of the one to ask with
	tailnet, err := f.tailnet(ctx, in)
	if err != nil {
		return tsapi.Credential{}, f.mayNotLook(in, err)
	}
	c, err := tailnet.Find(ctx, in.words[0])
	return c, f.mayNotLook(in, err)
}

// mayNotLook explains an error of a job that asks by its own identity: one that
// is refused cannot see its credential, and one that may join mostly cannot
// either.
func (f *front) mayNotLook(in *trustInputs, err error) error {
	p, ok := errors.AsType[*diag.Problem](err)
	if !ok || !in.oauthSecret.IsZero() || in.fallback {
		return err
	}
	if slices.Contains([]string{"wif-refused", "trust-unknown", "scope-missing", "no-id-token", "audience-mismatch"}, p.Code) {
		p.Hint = "this job looks at the credential by its own identity, which takes the scope federated_keys:read. Let someone look who may:\n" +
			"  tailjoin trust check " + shellquote.Join(in.words[0]) + " --oauth-secret file:PATH\n" +
			"or say what the credential demands, which takes nobody's rights:\n" +
			"  tailjoin trust check --issuer … --subject … --oauth-client-id …\n" + p.Hint
	}
	return err
}

// audienceOfJoin is the audience that a join for a credential asks for. given is
// the flag's; for a credential that flags describe it is the credential's own.
func (f *front) audienceOfJoin(c tsapi.Credential, given string) askedAudience {
	ofJob := trim(f.job.Input("audience"))
	if c.ID == "" {
		return askedAudience{cmp.Or(ofJob, trust.Audience(c)), ofJob != ""}
	}
	given = cmp.Or(given, ofJob)
	return askedAudience{cmp.Or(given, "api.tailscale.com/"+c.ID), given != ""}
}

// An askedAudience is the audience that a join with these inputs asks for.
type askedAudience struct {
	value string
	given bool // by the input audience
}

// note says of the audience where it comes from, and that a join stops before it
// sends a token that was made for another one.
func (a askedAudience) note(findings []spec.Finding, c idtoken.Claims) []spec.Finding {
	for i := range findings {
		switch f := &findings[i]; {
		case f.Name != "audience":
		case !c.IsFor(a.value):
			f.OK, f.Note = false, "a join asks for "+a.value
		case !f.OK && a.given:
			f.Note = "it comes from the input audience"
		case !f.OK:
			f.Note = "without the input audience a join asks for this one"
		}
	}
	return findings
}

// asDescribed is a credential of which only that matters which lets tokens in.
func asDescribed(wish trust.Wish) (tsapi.Credential, error) {
	if wish.Audience == "" {
		return tsapi.Credential{}, diag.Input("audience is missing", "it is api.tailscale.com/CLIENT-ID, unless the credential has another one; --oauth-client-id is enough for that")
	}
	wish.Name, wish.Kind, wish.Scopes = "as described", tsapi.Federated, []string{"all"}
	return wish.Credential()
}

// tokenToCheck is the token in a file, or one of this job's as a join would send
// it.
func (f *front) tokenToCheck(ctx context.Context, in *trustInputs, file, audience string) (idtoken.Token, error) {
	if file != "" {
		return f.tokenToInspect(ctx, &in.inputs, file)
	}
	source, err := f.idTokenSource(&in.inputs)
	if err != nil {
		return idtoken.Token{}, err
	}
	if source.Audience != idtoken.Requested {
		audience = "" // whatever the token has: it is compared below
	}
	return f.ownToken(ctx, source, audience)
}

func (f *front) writeCheck(c tsapi.Credential, findings []spec.Finding, v verdict, form string) error {
	if form == "json" {
		rules := []compared{}
		for _, found := range findings {
			rules = append(rules, compared{found.Name, found.Pattern, found.Found, found.OK, found.Note})
		}
		return f.writeJSON(struct {
			ID           string     `json:"id,omitempty"`
			Allowed      bool       `json:"allowed"`
			Verified     bool       `json:"verified"`
			Verification string     `json:"verification"`
			Rules        []compared `json:"rules"`
		}{c.ID, !spec.Differ(findings) && v.err == nil, v.verified, v.words, rules})
	}
	table := [][]string{{"RULE", "TOKEN", "CREDENTIAL", ""}}
	for _, found := range findings {
		words := results[found.OK]
		if found.Note != "" {
			words += " " + found.Note
		}
		table = append(table, []string{found.Name, cmp.Or(found.Found, "(none)"), found.Pattern, words})
	}
	f.writeTable(append(table, []string{"signature", "", "", v.words}))
	return nil
}
