package join

import (
	"context"
	"errors"
	"time"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// lifetime of a key that is used in the next second. A join that is killed
// leaves one for no longer than this, if Leave does not run either.
const lifetime = 5 * time.Minute

// authKey is the key with which the node registers: the user's, or one that
// is minted for this node alone.
func (j *joining) authKey(ctx context.Context) (secret.Text, error) {
	if !j.Identity.AuthKey.IsZero() {
		return j.Identity.AuthKey, nil
	}
	j.API.Open(ctx)
	key, err := retry.Steps(ctx, j.again, j.mint)
	if errors.Is(ctx.Err(), context.Canceled) { // it was not the server that failed
		return key, err
	}
	return key, access.Unanswered(j.API, err)
}

// again is called once for each reason to wait.
func (j *joining) again(reason error, limit time.Duration) {
	j.Log.Info("not available yet; trying again for "+limit.Round(time.Second).String()+" at most", "because", reason)
}

// mint goes the whole way, from a fresh ID token on: a token must not be sent
// twice, and it may have grown old.
func (j *joining) mint(ctx context.Context) (secret.Text, error) {
	token, err := j.accessToken(ctx)
	if err != nil {
		return secret.Text{}, err
	}
	if err := j.session.note(func(r *record) { r.Key.Tries++ }); err != nil {
		return secret.Text{}, err
	}
	end := j.phases.measure("auth-key")
	key, err := retry.Step(ctx, func(ctx context.Context) (tsapi.AuthKey, error) {
		return j.API.CreateKey(ctx, token, j.keyRequest())
	})
	end()
	if err != nil {
		return secret.Text{}, j.noKey(err, token)
	}
	j.Mask(key.Text)
	return key.Text, j.session.note(func(r *record) { r.Key.ID = key.ID })
}

// noKey takes back the note of a try that was refused: there is no key then
// that Leave would have to look for.
func (j *joining) noKey(err error, token tsapi.AccessToken) error {
	if _, ok := access.Refusal(err); ok {
		err = errors.Join(err, j.session.note(func(r *record) { r.Key.Tries-- }))
	}
	return j.explainKey(err, token)
}

func (j *joining) keyRequest() tsapi.KeyRequest {
	return tsapi.KeyRequest{
		Tags:          j.Tags,
		Ephemeral:     j.Identity.Ephemeral,
		Preauthorized: j.Identity.Preauthorized,
		Lifetime:      lifetime,
		Description:   j.session.Description(),
	}
}

// asking is how this identity gets an access token.
func (i Identity) asking(d Deps) access.Request {
	return access.Request{ClientID: i.ClientID, Audience: i.Audience, Secret: i.Secret, API: d.API, IDToken: d.IDToken, Mask: d.Mask, Job: d.Job}
}

func (j *joining) accessToken(ctx context.Context) (tsapi.AccessToken, error) {
	asking := j.Identity.asking(j.Deps)
	asking.IDToken, asking.Measure, asking.Again = j.idToken, j.phases.measure, j.again
	return asking.Once(ctx)
}

// idToken is the job's, noted for the summary and the log.
func (j *joining) idToken(ctx context.Context, audience string) (idtoken.Token, error) {
	token, err := j.IDToken(ctx, audience)
	if err == nil {
		j.result.Claims = token.Claims
		j.Log.Debug("the job's ID token", "claims", token.Claims.All)
	}
	return token, err
}

// problem is a short form for the explanations.
func problem(code, summary, hint string, err error, facts ...diag.Fact) *diag.Problem {
	return &diag.Problem{Code: code, Summary: summary, Hint: hint, Err: err, Facts: facts}
}
