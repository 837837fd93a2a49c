// Package aws is AWS's token service as the bearer of an ID token knows it:
// temporary credentials of a role. The SDK for this one request would be 1.5 MB.
package aws

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// A Role is what an ID token is to be exchanged for.
type Role struct {
	ARN      string // arn:aws:iam::123456789012:role/deploy
	Session  string // what AWS's logs call the session
	Endpoint string // of the token service
}

// Credentials are temporary.
type Credentials struct {
	KeyID         string
	Secret, Token secret.Text
	Expires       time.Time
}

// Endpoint is the token service that the variables of AWS's SDKs speak of; the
// global one if they do not.
func Endpoint(env func(string) string) string {
	region := cmp.Or(env("AWS_REGION"), env("AWS_DEFAULT_REGION"))
	host := "sts.amazonaws.com"
	if region != "" {
		host = "sts." + region + ".amazonaws.com"
	}
	if strings.HasPrefix(region, "cn-") {
		host += ".cn"
	}
	return cmp.Or(env("AWS_ENDPOINT_URL_STS"), env("AWS_ENDPOINT_URL"), "https://"+host)
}

const (
	roleARN     lazy.Pattern = `^arn:[a-z-]+:iam::[0-9]{12}:role/[\w+=,.@/-]+$`
	sessionName lazy.Pattern = `^[\w+=,.@-]{2,64}$`
)

// Check reports what AWS would not understand.
func (r *Role) Check() error {
	switch {
	case !roleARN.Matches(r.ARN):
		return diag.Input("a role of AWS is needed", "give --role-arn, or set AWS_ROLE_ARN: arn:aws:iam::123456789012:role/deploy", diag.Fact{Name: "role", Value: r.ARN})
	case !sessionName.Matches(r.Session):
		return diag.Input("AWS allows no such name for a session", "2 to 64 letters, digits and any of _ + = , . @ - are wanted", diag.Fact{Name: "session", Value: r.Session})
	}
	return nil
}

// longest is where an answer is cut off.
const longest = 1 << 16

// Assume exchanges an ID token for credentials. Nothing signs the request: the
// token says who asks. What may change by itself is marked as *retry.Later.
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html.
func (r *Role) Assume(ctx context.Context, token secret.Text) (c Credentials, err error) {
	body := "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" + url.QueryEscape(r.ARN) +
		"&RoleSessionName=" + url.QueryEscape(r.Session) + "&WebIdentityToken=" + url.QueryEscape(token.Reveal())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(r.Endpoint, "/")+"/", strings.NewReader(body))
	if err != nil {
		return c, fmt.Errorf("asking AWS for credentials: %w", err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(req)
	if err != nil {
		return c, r.unanswered(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, longest))
	if err != nil {
		return c, r.unanswered(err)
	}
	if res.StatusCode != http.StatusOK {
		return c, r.refused(res, string(answer))
	}
	return read(string(answer))
}

// client follows no redirect: what is sent is for AWS alone.
var client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}

var errOdd = errors.New("AWS answered without credentials")

// read takes credentials out of an answer. None of their characters is special
// in XML.
func read(xml string) (c Credentials, err error) {
	c.KeyID = element(xml, "AccessKeyId")
	c.Secret, c.Token = secret.New(element(xml, "SecretAccessKey")), secret.New(element(xml, "SessionToken"))
	c.Expires, err = time.Parse(time.RFC3339, element(xml, "Expiration"))
	if err != nil || c.KeyID == "" || c.Secret.IsZero() || c.Token.IsZero() {
		return Credentials{}, errOdd
	}
	return c, nil
}

func element(xml, name string) string {
	_, rest, _ := strings.Cut(xml, "<"+name+">")
	text, _, ok := strings.Cut(rest, "</"+name+">")
	if !ok {
		return ""
	}
	return strings.TrimSpace(text)
}

func (r *Role) unanswered(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	return &diag.Problem{
		Code:    "not-answering",
		Summary: "AWS's token service does not answer",
		Err:     retry.Network(err),
		Facts:   []diag.Fact{{Name: "endpoint", Value: r.Endpoint}},
		Hint:    "see that this machine reaches it, and that AWS_REGION is a region that the account uses",
	}
}

// hints are by AWS's code.
var hints = map[string]string{
	"InvalidIdentityToken": "the account needs an identity provider (IAM, OpenID Connect) whose URL is the token's issuer, letter by letter,\n" +
		"with the token's audience among its own; and AWS has to reach the issuer from the internet",
	"AccessDenied": "the role's trust policy has to allow sts:AssumeRoleWithWebIdentity to that provider,\n" +
		"with conditions that the token's subject and audience meet: tailjoin token inspect shows them",
	"ExpiredTokenException": "see that this machine's clock, and the issuer's, are right",
}

func (r *Role) refused(res *http.Response, xml string) error {
	code := element(xml, "Code")
	err := retry.Status(fmt.Errorf("%s %s", res.Status, code), res.StatusCode, res.Header)
	if code == "IDPCommunicationError" { // AWS could not ask the issuer for its keys
		err = &retry.Later{Err: err}
	}
	return &diag.Problem{
		Code:    "aws-refused",
		Summary: "AWS does not give the role's credentials for this token",
		Err:     err,
		Facts: []diag.Fact{
			{Name: "role", Value: r.ARN}, {Name: "endpoint", Value: r.Endpoint}, {Name: "AWS says", Value: element(xml, "Message")},
		},
		Hint: cmp.Or(hints[code], "see what AWS says"),
	}
}
