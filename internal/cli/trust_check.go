package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"time"

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
	c, err := f.toCheck(ctx, &in, wish)
	if err != nil {
		return err
	}
	token, err := f.tokenToCheck(ctx, &in, i.file, trust.Audience(c))
	if err != nil {
		return err
	}
	findings, err := trust.Check(c, token.Claims.All, time.Now())
	if err != nil {
		return err
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
		return tsapi.Credential{}, err
	}
	return tailnet.Find(ctx, in.words[0])
}

// asDescribed is a credential of which only that matters which lets tokens in.
func asDescribed(wish trust.Wish) (tsapi.Credential, error) {
	if wish.Audience == "" {
		return tsapi.Credential{}, diag.Input("audience is missing", "it is api.tailscale.com/CLIENT-ID, unless the credential has another one; --oauth-client-id is enough for that")
	}
	wish.Name, wish.Kind, wish.Scopes = "as described", tsapi.Federated, []string{"all"}
	return wish.Credential()
}

// tokenToCheck is the token in a file, or one of this job's as it would be sent
// to the credential.
func (f *front) tokenToCheck(ctx context.Context, in *trustInputs, file, audience string) (idtoken.Token, error) {
	if file != "" {
		return f.tokenToInspect(ctx, &in.inputs, file)
	}
	source, err := f.idTokenSource(&in.inputs)
	if err != nil {
		return idtoken.Token{}, err
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
