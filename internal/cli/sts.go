package cli

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// tokenOutputs are those of the tokens that a token service on the tailnet
// gives this job. Only the first is a secret.
var tokenOutputs = []struct{ name, description string }{
	{"sts-token", "token for the first of sts-audience, hidden in every log; empty where the platform cannot hide it"},
	{"sts-token-file", "file with that token, for its owner alone; a leave removes it"},
	{"sts-token-files", "the file of each of sts-audience, as JSON"},
}

// fillSTS has a join wait until the token service can be reached, if this job
// wants something of it.
func fillSTS(in *inputs, r *join.Request) error {
	switch {
	case in.stsAudience == "":
		return nil
	case in.stsURL == "":
		return diag.Input("sts-audience needs sts-url", "give the address of the token service on the tailnet:\n  sts-url: https://sts.TAILNET.ts.net")
	}
	target, err := idtoken.STSTarget(in.stsURL)
	r.WaitFor = append(r.WaitFor, target)
	return err
}

// A serviceToken is one that the token service gives this job: in a file of
// the session's directory, so that a leave removes it.
type serviceToken struct {
	*front
	source         idtoken.Source
	audience, file string
	expires        time.Time // of the one in the file
}

// serviceTokens are those of sts-audience, not asked for yet.
func (f *front) serviceTokens(in *inputs, r join.Result) (all []*serviceToken, err error) {
	source, err := idtoken.Choose(idtoken.Env(f.env), idtoken.Wish{Source: "sts", STS: in.stsURL, Proxy: proxy("http")(r)})
	for i, audience := range spec.List(in.stsAudience) {
		all = append(all, &serviceToken{
			front: f, source: source, audience: audience, file: filepath.Join(f.sessionDir(in), "tokens", strconv.Itoa(i+1)),
		})
	}
	return all, err
}

// serviceLimit is for one token of a service that can be reached.
const serviceLimit = 30 * time.Second

// write gets the token and writes it to its file.
func (t *serviceToken) write(ctx context.Context) (token idtoken.Token, err error) {
	ctx, cancel := context.WithTimeout(ctx, serviceLimit)
	defer cancel()
	if token, err = t.ownToken(ctx, t.source, t.audience); err != nil {
		return token, err
	}
	if err := os.MkdirAll(filepath.Dir(t.file), 0o700); err != nil {
		return token, err
	}
	return token, token.WriteFile(t.file)
}

// renew is write, for who keeps the file fresh.
func (t *serviceToken) renew(ctx context.Context) (expires time.Time, err error) {
	token, err := t.write(ctx)
	return token.Claims.Expires, err
}

// tellTokens gets the tokens and tells later steps where they are.
func (f *front) tellTokens(ctx context.Context, in *inputs, r join.Result) error {
	if in.stsAudience == "" {
		return nil
	}
	tokens, err := f.serviceTokens(in, r)
	if err != nil {
		return err
	}
	for i, t := range tokens {
		token, err := t.write(ctx)
		if err != nil {
			return err
		}
		f.log(in.logMode).Info("got a token from the token service", "audience", t.audience, "expires", stampOf(token.Claims.Expires))
		if i > 0 {
			continue
		}
		if err := f.job.Secret(tokenOutputs[0].name, token.Text); err != nil && !errors.Is(err, ci.ErrNoSecrets) {
			return err
		}
	}
	for _, o := range filesOf(tokens) {
		if err := f.job.Output(o.name, o.value); err != nil {
			return err
		}
	}
	return nil
}

// filesOf are the outputs that are no secret.
func filesOf(tokens []*serviceToken) []variable {
	if len(tokens) == 0 {
		return nil
	}
	files := map[string]string{}
	for _, t := range tokens {
		files[t.audience] = t.file
	}
	encoded, _ := json.Marshal(files) // of a map of texts: cannot fail
	return []variable{{tokenOutputs[1].name, tokens[0].file}, {tokenOutputs[2].name, string(encoded)}}
}
