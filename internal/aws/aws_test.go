package aws_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/aws"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
)

const arn = "arn:aws:iam::123456789012:role/path/deploy"

func TestEndpoint_isThatOfTheSDKs(t *testing.T) {
	for want, vars := range map[string]map[string]string{
		"https://sts.amazonaws.com":                {},
		"https://sts.eu-central-1.amazonaws.com":   {"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "us-east-1"},
		"https://sts.us-east-1.amazonaws.com":      {"AWS_DEFAULT_REGION": "us-east-1"},
		"https://sts.cn-north-1.amazonaws.com.cn":  {"AWS_REGION": "cn-north-1"},
		"https://vpce-1.sts.us-east-1.example.com": {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_STS": "https://vpce-1.sts.us-east-1.example.com", "AWS_ENDPOINT_URL": "https://x"},
	} {
		if got := aws.Endpoint(func(name string) string { return vars[name] }); got != want {
			t.Errorf("%v: %s, want %s", vars, got, want)
		}
	}
}

func TestCheck_refusesWhatAWSWouldNotUnderstand(t *testing.T) {
	good := aws.Role{ARN: arn, Session: "tailjoin", Endpoint: "https://sts.amazonaws.com"}
	if err := good.Check(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*aws.Role){
		"no role":               func(r *aws.Role) { r.ARN = "" },
		"a role's name":         func(r *aws.Role) { r.ARN = "deploy" },
		"a user":                func(r *aws.Role) { r.ARN = "arn:aws:iam::123456789012:user/deploy" },
		"a session with spaces": func(r *aws.Role) { r.Session = "my session" },
		"a short session":       func(r *aws.Role) { r.Session = "x" },
	} {
		r := good
		change(&r)
		if err := r.Check(); err == nil || !diag.As(err).Input {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAssume_tellsWhatMayPassFromWhatDoesNot(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		code   string // of the problem; "" is none
		again  bool
	}{
		"denied":         {403, "<Error><Code>AccessDenied</Code><Message>Not authorized</Message></Error>", "aws-refused", false},
		"expired":        {400, "<Error><Code>ExpiredTokenException</Code></Error>", "aws-refused", false},
		"issuer away":    {400, "<Error><Code>IDPCommunicationError</Code></Error>", "aws-refused", true},
		"throttled":      {429, "", "aws-refused", true},
		"failing":        {503, "<html>", "aws-refused", true},
		"elsewhere":      {302, "", "aws-refused", false},
		"no credentials": {200, "<html>", "unexpected", false},
		"without an end": {200, "<AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>", "unexpected", false},
		"half of them":   {200, "<AccessKeyId>A</AccessKeyId><Expiration>2026-08-20T02:00:00Z</Expiration>", "unexpected", false},
		"all of them":    {200, "<AccessKeyId>A</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2026-08-20T02:00:00Z</Expiration>", "", false},
		"a cut answer":   {0, "", "not-answering", true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if c.status == 0 {
					panic(http.ErrAbortHandler)
				}
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.status)
				io.WriteString(w, c.body)
			}))
			t.Cleanup(server.Close)
			got, err := (&aws.Role{ARN: arn, Session: "x", Endpoint: server.URL}).Assume(t.Context(), secret.New("hunter2.hunter2.hunter2"))
			if c.code == "" {
				if err != nil || got.KeyID != "A" || got.Secret.Reveal() != "s" || got.Token.Reveal() != "t" || !got.Expires.Equal(time.Date(2026, 8, 20, 2, 0, 0, 0, time.UTC)) {
					t.Errorf("%+v, %v", got, err)
				}
				return
			}
			_, again := errors.AsType[*retry.Later](err)
			if p := diag.As(err); p.Code != c.code || again != c.again || strings.Contains(p.Text(), "hunter2") {
				t.Errorf("%s, again %v:\n%s", p.Code, again, p.Text())
			}
		})
	}
}
