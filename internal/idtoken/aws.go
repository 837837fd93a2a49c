package idtoken

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"net/http"
	"net/url"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
)

// aws asks STS for a token that says who the holder of the credentials is. Only
// regional endpoints have that call. The request is signed by the SDK's signer;
// the rest of the SDK would be 3 MB.
// Source: https://docs.aws.amazon.com/STS/latest/APIReference/API_GetWebIdentityToken.html.
func aws(ctx context.Context, j job) (string, error) {
	credentials, err := j.awsCredentials(ctx)
	if err != nil {
		return "", err
	}
	region, err := j.awsRegion(ctx)
	if err != nil {
		return "", err
	}
	body := url.Values{
		"Action": {"GetWebIdentityToken"}, "Version": {"2011-06-15"},
		"Audience.member.1": {j.audience}, "SigningAlgorithm": {"ES384"}, "DurationSeconds": {"300"},
	}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, j.stsURL(region), strings.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("making the request for a token: %w", bare(err))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	hash := sha256.Sum256([]byte(body))
	if err := v4.NewSigner().SignHTTP(ctx, credentials, req, hex.EncodeToString(hash[:]), "sts", region, time.Now()); err != nil {
		return "", fmt.Errorf("signing the request for a token: %w", err)
	}
	answer, err := ask{method: http.MethodPost, url: req.URL.String(), header: req.Header, body: body}.send(ctx, j.remote())
	if err != nil {
		return "", awsError(err)
	}
	if token := between(string(answer), "<WebIdentityToken>", "</WebIdentityToken>"); token != "" {
		return token, nil
	}
	return "", odd("it has no WebIdentityToken")
}

func (j job) stsURL(region string) string {
	suffix := ".amazonaws.com"
	if strings.HasPrefix(region, "cn-") {
		suffix += ".cn"
	}
	endpoint := cmp.Or(j.Env("AWS_ENDPOINT_URL_STS"), j.Env("AWS_ENDPOINT_URL"), "https://sts."+region+suffix)
	return strings.TrimSuffix(endpoint, "/") + "/"
}

// awsError marks a throttled call: STS says that with a status of 400.
// Source: aws/aws-sdk-go-v2, aws/retry (DefaultThrottleErrorCodes).
func awsError(err error) error {
	r, ok := errors.AsType[*refusal](err)
	if ok && (strings.HasPrefix(r.code, "Throttl") || strings.HasPrefix(r.code, "RequestThrottled") || r.code == "RequestLimitExceeded") {
		return &retry.Later{Err: err}
	}
	return err
}

// isAWS holds where AWS runs the process itself. Access keys alone do not say
// that: many jobs have those of somebody else.
var isAWS = has("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_LAMBDA_FUNCTION_NAME", "ECS_CONTAINER_METADATA_URI_V4")

func awsMissing(j job) *diag.Problem {
	full := j.Env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
	if full != "" && !strings.HasPrefix(full, "https://") && !isNear(full) {
		return noToken("the address of the container's credentials is neither https nor of this machine",
			"correct AWS_CONTAINER_CREDENTIALS_FULL_URI, or leave it out", nil)
	}
	return nil
}

// awsRegion is where the credentials are used.
func (j job) awsRegion(ctx context.Context) (string, error) {
	if region := cmp.Or(j.Env("AWS_REGION"), j.Env("AWS_DEFAULT_REGION")); region != "" {
		return region, nil
	}
	if j.awsHasKeys() || j.awsContainer() != "" {
		return "", noToken("the region of AWS is not known", "set AWS_REGION, such as eu-central-1: any that is near", nil)
	}
	region, err := j.imds(ctx, "placement/region")
	return strings.TrimSpace(region), err
}
