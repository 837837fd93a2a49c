package doctor

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/access"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// identity goes the way of a join, up to the auth key, which is not made: the
// ID token, the access token, and what that is good for.
func (r *Request) identity(ctx context.Context) []Check {
	token, first := r.idToken(ctx)
	access, second := r.exchange(ctx, token, first.Result)
	checks := []Check{first}
	if r.Spec != "" {
		checks = append(checks, r.spec(token, first.Result))
	}
	checks = append(checks, second)
	if second.Result != OK {
		return checks
	}
	return append(checks, r.rightsOf(ctx, access)...)
}

func (r *Request) idToken(ctx context.Context) (token idtoken.Token, c Check) {
	const name = "id-token"
	switch {
	case r.AuthKey:
		return token, skipped(name, "not needed: an auth key says who this is")
	case r.IDToken == nil:
		return token, skipped(name, "not needed: an OAuth client's secret says who this is")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	token, err := r.IDToken(ctx)
	if err != nil {
		c = failed(name, err, "")
		if r.Optional {
			c.Result = Note
		}
		return token, c
	}
	c = ok(name, r.Source+" gave one")
	c.Facts = map[string]string{
		"issuer": token.Claims.Issuer, "subject": token.Claims.Subject, "audience": strings.Join(token.Claims.Audience, ", "),
	}
	if at := token.Claims.Expires; !at.IsZero() {
		c.Facts["expires"] = at.UTC().Format(time.RFC3339)
	}
	return token, c
}

// spec says whether the job's spec is for such a job, as the job's ID token has
// it: its variables were looked at before.
func (r *Request) spec(token idtoken.Token, before Result) Check {
	const name = "spec"
	if before != OK {
		return skipped(name, "there is no ID token to compare with what "+r.Spec+" allows")
	}
	if err := r.Allow(token.Claims); err != nil {
		return failed(name, err, "")
	}
	return ok(name, r.Spec+" is for such a job")
}

// exchange gets an access token, once: what may pass is worth to be told.
func (r *Request) exchange(ctx context.Context, id idtoken.Token, before Result) (tsapi.AccessToken, Check) {
	const name = "exchange"
	switch {
	case r.AuthKey:
		return tsapi.AccessToken{}, skipped(name, "not needed: the auth key goes to the control server, and is not tried here, since it may be for one node")
	case before == Failed:
		return tsapi.AccessToken{}, skipped(name, "there is no ID token")
	case r.Access.ClientID == "" && r.Access.Secret.IsZero():
		return tsapi.AccessToken{}, skipped(name, "nothing says for whom: give oauth-client-id, or oauth-secret")
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	asking := r.Access
	asking.IDToken = func(context.Context, string) (idtoken.Token, error) { return id, nil }
	token, err := asking.Once(ctx)
	if err != nil {
		return token, r.refused(name, err)
	}
	finding := "an access token"
	if left := token.Expires.Sub(r.Now()).Round(time.Minute); left > 0 {
		finding += fmt.Sprintf(" for %v", strings.TrimSuffix(left.String(), "0s"))
	}
	c := ok(name, finding)
	c.Facts = map[string]string{"scopes": strings.Join(token.Scopes, " ")}
	if len(token.Tags) > 0 {
		c.Facts["tags"] = strings.Join(token.Tags, " ")
	}
	return token, c
}

func (r *Request) refused(name string, err error) Check {
	if _, later := retryable(err); later {
		return r.silent(name, err)
	}
	return failed(name, access.Unanswered(r.Access.API, err), "")
}
