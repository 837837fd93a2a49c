package cli

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kballard/go-shellquote"
	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/httpurl"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/oidc"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// An inspection is what the user wants to know of a token.
type inspection struct {
	file   string
	expect []string
	verify bool
	form   string

	wanted []spec.Expectation
}

func (i *inspection) flags(fs *flag.FlagSet) {
	fs.StringVar(&i.file, "file", "", "file with the token, - for the standard input; empty asks for one of this job's")
	fs.Var(lines{&i.expect}, "expect", "NAME=PATTERN that must hold, one a line or one after the other: issuer, subject, audience or a claim; * is any text")
	fs.Var(boolean{&i.verify}, "verify", "verify it by the keys that its issuer publishes; an issuer on this machine by plain http must be expected")
	i.form = "text"
	fs.Var(choice{&i.form, slices.Sorted(maps.Keys(reports))}, "output", "text or json")
}

// nobody is the audience of a token that is only looked at.
const nobody = "tailjoin-inspect"

// tokenInspect is the command `token inspect`. It shows what a token says, and
// fails if that is not what was expected.
func (f *front) tokenInspect(ctx context.Context, args []string) error {
	var in inputs
	var i inspection
	fs := flag.NewFlagSet("token inspect", flag.ContinueOnError)
	in.idToken(fs)
	i.flags(fs)
	words, err := parseAmongWords(fs, f.job, args)
	if err != nil {
		return f.help(fs, err)
	}
	if i.wanted, err = spec.Expectations(append(i.expect, words...)); err != nil {
		return err
	}
	token, err := f.tokenToInspect(ctx, &in, i.file)
	if err != nil {
		return err
	}
	findings := spec.Compare(i.wanted, token.Claims.All)
	verdict := i.judge(ctx, token, findings)
	return errors.Join(reports[i.form](f, newReport(token, verdict, findings)), verdict.err, differs(findings))
}

func (f *front) tokenToInspect(ctx context.Context, in *inputs, file string) (idtoken.Token, error) {
	if file == "" {
		return f.tokenToLookAt(ctx, in)
	}
	raw, err := f.readToken(file)
	if err != nil {
		return idtoken.Token{}, diag.Input("the token cannot be read", "name a file that holds nothing but the token, or - for the standard input",
			diag.Fact{Name: "because", Value: err.Error()})
	}
	token, err := idtoken.Parse(raw)
	if err != nil {
		return token, diag.Input("this is no ID token", "an ID token is a JWT: three parts of base64url with dots between them",
			diag.Fact{Name: "file", Value: file}, diag.Fact{Name: "because", Value: err.Error()})
	}
	f.mask(token.Text)
	return token, nil
}

// tokenToLookAt is one of this job's, for whatever audience it has.
func (f *front) tokenToLookAt(ctx context.Context, in *inputs) (idtoken.Token, error) {
	source, err := f.idTokenSource(in)
	if err != nil {
		return idtoken.Token{}, err
	}
	audience := ""
	if source.Audience == idtoken.Requested {
		audience = cmp.Or(in.ownAudience(), nobody)
	}
	return f.ownToken(ctx, source, audience)
}

// longestToken is more than any token has.
const longestToken = 1 << 20

func (f *front) readToken(file string) (string, error) {
	from := f.In
	if file != "-" {
		opened, err := os.Open(file)
		if err != nil {
			return "", err
		}
		defer opened.Close()
		from = opened
	}
	raw, err := io.ReadAll(io.LimitReader(from, longestToken))
	return string(raw), err
}

// A verdict says whether a token was verified.
type verdict struct {
	verified bool
	words    string
	err      error // it was, and is not valid
}

// judge verifies a token if that is wanted. The address of an issuer is the
// token's word, so if another one is expected it is not asked.
func (i *inspection) judge(ctx context.Context, token idtoken.Token, findings []spec.Finding) verdict {
	otherIssuer := func(f spec.Finding) bool { return f.Name == "issuer" && !f.OK }
	switch {
	case !i.verify:
		return verdict{words: "no: --verify asks the issuer"}
	case slices.ContainsFunc(findings, otherIssuer):
		return verdict{words: "no: the issuer is not the expected one, so it was not asked"}
	case isPlain(token.Claims.Issuer) && !expectsIssuer(findings):
		return verdict{words: "no: the issuer is on this machine, so it was not asked", err: issuerNotExpected(token.Claims.Issuer)}
	}
	if err := oidc.Verify(ctx, &http.Client{}, token.Text, time.Now()); err != nil {
		return verdict{words: "NO: " + err.Error(), err: err}
	}
	return verdict{verified: true, words: "yes, by a key of its issuer"}
}

// isPlain reports whether keys would come over plain http, which is allowed from
// this machine only. Any program may serve them there.
func isPlain(issuer string) bool {
	u, err := url.Parse(issuer)
	return err == nil && u.Scheme == "http" && httpurl.IsLoopback(u.Hostname())
}

func expectsIssuer(findings []spec.Finding) bool {
	return slices.ContainsFunc(findings, func(f spec.Finding) bool { return f.Name == "issuer" && f.OK })
}

func issuerNotExpected(issuer string) error {
	return diag.Input("the token names an issuer on this machine, which --verify does not ask by itself",
		"only the token says that this is its issuer. If you trust that server, add: --expect "+shellquote.Join("issuer="+issuer),
		diag.Fact{Name: "issuer", Value: issuer})
}

// differs is the problem with a token that is not what was expected, or nil.
func differs(findings []spec.Finding) error {
	if !spec.Differ(findings) {
		return nil
	}
	p := &diag.Problem{
		Code:    "token-differs",
		Summary: "the token is not what was expected",
		Hint:    "correct what is expected here; and the trust credential, if it expects the same: " + access.Credentials,
	}
	for _, f := range findings {
		if !f.OK {
			value := cmp.Or(f.Found, "(none)") + "\nexpected " + f.Pattern + "\n" + f.Note
			p.Facts = append(p.Facts, diag.Fact{Name: f.Name, Value: strings.TrimSpace(value)})
		}
	}
	return p
}
