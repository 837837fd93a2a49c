package cli

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"time"

	"github.com/tailjoin/tailjoin/internal/aws"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// A shape is how an ID token is to be written: as itself, or as a program wants
// it that runs this one for its credentials.
type shape struct {
	name string
	role aws.Role
}

func (s *shape) flags(fs *flag.FlagSet) {
	s.name = "token"
	fs.Var(choice{&s.name, []string{"token", "aws", "google", "kubernetes"}}, "output",
		"token; aws (credential_process: temporary credentials of a role), google (executable of an external account) or kubernetes (ExecCredential)")
	fs.StringVar(&s.role.ARN, "role-arn", "", "role at AWS, for output aws; empty is AWS_ROLE_ARN")
	fs.StringVar(&s.role.Session, "role-session-name", "", "what AWS calls the session; empty is AWS_ROLE_SESSION_NAME, or tailjoin")
}

// A shaped is an ID token as it was wanted, and until when that is good.
type shaped struct {
	secret.Text
	expires time.Time
}

// shapes are the forms. One more is a row.
var shapes = map[string]struct {
	audience func(*front) string // that is asked for if nobody names one; nil: there is none
	write    func(context.Context, *front, *shape, idtoken.Token) (shaped, error)
}{
	"token":      {nil, asToken},
	"aws":        {func(*front) string { return "sts.amazonaws.com" }, asAWS},
	"google":     {func(f *front) string { return f.env("GOOGLE_EXTERNAL_ACCOUNT_AUDIENCE") }, asGoogle},
	"kubernetes": {nil, asKubernetes},
}

// audience is what a shape is for, unless the user names another.
func (s *shape) audience(f *front) string {
	if usual := shapes[s.name].audience; usual != nil {
		return usual(f)
	}
	return ""
}

// check completes and refuses what cannot be done, before any work.
func (s *shape) check(f *front, to destination) error {
	if s.name != "token" && to.output {
		return diag.Input("step-output is for the token itself", "leave out output, or have it written to a file")
	}
	if s.name != "aws" {
		return nil
	}
	s.role.ARN = cmp.Or(s.role.ARN, f.env("AWS_ROLE_ARN"))
	s.role.Session = cmp.Or(s.role.Session, f.env("AWS_ROLE_SESSION_NAME"), "tailjoin")
	s.role.Endpoint = aws.Endpoint(f.env)
	if err := tsapi.CheckURL(s.role.Endpoint); err != nil { // the token goes there
		return diag.Input("AWS's token service has no usable address", "AWS_ENDPOINT_URL_STS, or AWS_ENDPOINT_URL, has to be https://…",
			diag.Fact{Name: "because", Value: err.Error()})
	}
	return s.role.Check()
}

func asToken(_ context.Context, _ *front, _ *shape, t idtoken.Token) (shaped, error) {
	return shaped{t.Text, t.Claims.Expires}, nil
}

// asAWS has AWS exchange the token for a role's credentials.
// Source: https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html.
func asAWS(ctx context.Context, f *front, s *shape, t idtoken.Token) (shaped, error) {
	c, err := retry.Do(ctx, f.again, func(ctx context.Context) (aws.Credentials, error) { return s.role.Assume(ctx, t.Text) })
	if err != nil {
		return shaped{}, err
	}
	f.mask(c.Secret)
	f.mask(c.Token)
	return shaped{jsonf(`{"Version":1,"AccessKeyId":%q,"SecretAccessKey":%q,"SessionToken":%q,"Expiration":%q}`,
		c.KeyID, c.Secret.Reveal(), c.Token.Reveal(), stampOf(c.Expires)), c.Expires}, nil
}

// asGoogle is what Google's libraries read from the executable of an external
// account.
// Source: https://google.aip.dev/auth/4117.
func asGoogle(_ context.Context, _ *front, _ *shape, t idtoken.Token) (shaped, error) {
	return shaped{jsonf(`{"version":1,"success":true,"token_type":"urn:ietf:params:oauth:token-type:jwt","id_token":%q,"expiration_time":%d}`,
		t.Reveal(), t.Claims.Expires.Unix()), t.Claims.Expires}, nil
}

// asKubernetes is what kubectl and client-go read from a credential plugin.
// Source: https://kubernetes.io/docs/reference/config-api/client-authentication.v1.
func asKubernetes(_ context.Context, _ *front, _ *shape, t idtoken.Token) (shaped, error) {
	return shaped{jsonf(`{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":%q,"expirationTimestamp":%q}}`,
		t.Reveal(), stampOf(t.Claims.Expires)), t.Claims.Expires}, nil
}

// jsonf fills in values that are plain ASCII, as tokens and keys are: quoted
// as Go has it they are JSON.
func jsonf(format string, values ...any) secret.Text {
	return secret.New(fmt.Sprintf(format, values...))
}

func stampOf(t time.Time) string { return t.UTC().Format(time.RFC3339) }
