package idtoken_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/go-cmp/cmp"
)

// awsKeys are the variables of a workload's credentials.
var awsKeys = []string{"AWS_ACCESS_KEY_ID", "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY", hush + "-key", "AWS_SESSION_TOKEN", hush + "-session"}

// awsDocument are the same, as a metadata service gives them.
const awsDocument = `{"Code":"Success","AccessKeyId":"AKIAEXAMPLE","SecretAccessKey":"` + hush + `-key","Token":"` + hush + `-session","Expiration":"2099-01-01T00:00:00Z"}`

// sts is the call of GetWebIdentityToken.
func (p *platform) sts(region, session string) exchange {
	form := url.Values{
		"Action": {"GetWebIdentityToken"}, "Version": {"2011-06-15"}, "Audience.member.1": {wanted},
		"SigningAlgorithm": {"ES384"}, "DurationSeconds": {"300"},
	}
	return exchange{want{
		"POST", "/", nil, map[string]string{"Content-Type": "application/x-www-form-urlencoded", "X-Amz-Security-Token": session}, form.Encode(),
	}, `<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetWebIdentityTokenResult>` +
		`<WebIdentityToken>TOKEN</WebIdentityToken></GetWebIdentityTokenResult></GetWebIdentityTokenResponse>`}
}

// The signature is that of AWS's own signer, made from what arrived.
func TestAWS_signsForTheRegion(t *testing.T) {
	for region, source := range map[string]string{"eu-central-1": "aws by keys", "us-east-2": "aws machine"} {
		t.Run(source, func(t *testing.T) {
			p := newPlatform(t)
			r := recipeOf(source)
			serve := r.serve(p)
			var signed atomic.Bool
			r.open(p, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.Method == http.MethodPost {
					signed.Store(true)
					wantSigned(t, req, region)
				}
				serve(w, req)
			}))
			if _, err := get(t.Context(), t, p.env(), p.wish, wanted); err != nil || !signed.Load() {
				t.Errorf("signed = %v, error %v", signed.Load(), err)
			}
		})
	}
}

func wantSigned(t *testing.T, got *http.Request, region string) {
	t.Helper()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	got.Body = io.NopCloser(bytes.NewReader(body))
	at, err := time.Parse("20060102T150405Z", got.Header.Get("X-Amz-Date"))
	if err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("signed at %v: %v", at, err)
	}
	again, err := http.NewRequest(got.Method, "http://"+got.Host+got.URL.String(), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	again.Header.Set("Content-Type", got.Header.Get("Content-Type"))
	sum := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: awsKeys[1], SecretAccessKey: awsKeys[3], SessionToken: awsKeys[5]}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, again, hex.EncodeToString(sum[:]), "sts", region, at); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(again.Header.Get("Authorization"), got.Header.Get("Authorization")); d != "" {
		t.Errorf("the signature (-want +got):\n%s", d)
	}
}

// STS says with a 400 that it is asked too often, and why it never gives one.
func TestAWS_tellsThrottlingFromARefusal(t *testing.T) {
	for code, c := range map[string]struct {
		problem string
		again   bool
	}{
		"Throttling":           {"not-answering", true},
		"RequestLimitExceeded": {"not-answering", true},
		"OutboundWebIdentityFederationDisabledException": {"id-token-refused", false},
		"AccessDenied": {"id-token-refused", false},
	} {
		t.Run(code, func(t *testing.T) {
			p := newPlatform(t)
			recipeOf("aws by keys").open(p, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusBadRequest)
				io.WriteString(w, "<ErrorResponse><Error><Code>"+code+"</Code><Message>"+hush+"</Message></Error></ErrorResponse>")
			}))
			_, err := get(t.Context(), t, p.env(), p.wish, wanted)
			wantProblem(t, err, c.problem, c.again)
			wantText(t, err, code)
			if !c.again {
				wantText(t, err, "enable-outbound-web-identity-federation")
			}
		})
	}
}
