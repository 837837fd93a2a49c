package idtoken

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"

	sdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/tailjoin/tailjoin/internal/diag"
)

// awsCredentials are those of the environment, the container, or the machine,
// in the SDKs' order.
// Source: https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html.
func (j job) awsCredentials(ctx context.Context) (sdk.Credentials, error) {
	if j.awsHasKeys() {
		return sdk.Credentials{
			AccessKeyID: j.Env("AWS_ACCESS_KEY_ID"), SecretAccessKey: j.Env("AWS_SECRET_ACCESS_KEY"), SessionToken: j.Env("AWS_SESSION_TOKEN"),
		}, nil
	}
	raw, err := j.awsDocument(ctx)
	if err != nil {
		return sdk.Credentials{}, err
	}
	var found struct{ AccessKeyId, SecretAccessKey, Token string }
	if json.Unmarshal(raw, &found) != nil || found.AccessKeyId == "" || found.SecretAccessKey == "" {
		return sdk.Credentials{}, noToken("AWS gives this workload no credentials",
			"give it a role: a task role, a pod identity, or an instance profile", looks(strings.TrimSpace(string(raw))))
	}
	return sdk.Credentials{AccessKeyID: found.AccessKeyId, SecretAccessKey: found.SecretAccessKey, SessionToken: found.Token}, nil
}

func (j job) awsHasKeys() bool {
	return j.Env("AWS_ACCESS_KEY_ID") != "" && j.Env("AWS_SECRET_ACCESS_KEY") != ""
}

// awsDocument is the JSON in which ECS, EKS or EC2 give credentials.
func (j job) awsDocument(ctx context.Context) ([]byte, error) {
	if address := j.awsContainer(); address != "" {
		header, err := j.awsContainerHeader()
		if err != nil {
			return nil, err
		}
		return ask{url: address, header: header}.send(ctx, metadata())
	}
	role, err := j.imds(ctx, "iam/security-credentials/")
	if err != nil {
		return nil, err
	}
	role, _, _ = strings.Cut(strings.TrimSpace(role), "\n")
	document, err := j.imds(ctx, "iam/security-credentials/"+role)
	return []byte(document), err
}

// awsContainer is where a container asks for credentials, "" outside of one.
func (j job) awsContainer() string {
	if relative := j.Env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"); relative != "" {
		return "http://169.254.170.2" + relative
	}
	return j.Env("AWS_CONTAINER_CREDENTIALS_FULL_URI")
}

func (j job) awsContainerHeader() (http.Header, error) {
	token := j.Env("AWS_CONTAINER_AUTHORIZATION_TOKEN")
	if path := j.Env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"); path != "" {
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading the container's token: %w", err)
		}
		token = strings.TrimSpace(string(raw))
	}
	if token == "" {
		return nil, nil
	}
	return http.Header{"Authorization": {token}}, nil
}

// imds reads from a machine's metadata service, version 2 alone: a token first.
// Source: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html.
func (j job) imds(ctx context.Context, path string) (string, error) {
	if strings.EqualFold(j.Env("AWS_EC2_METADATA_DISABLED"), "true") {
		return "", noToken("this job has no credentials of AWS", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or do not disable the metadata service", nil,
			diag.Fact{Name: "AWS_EC2_METADATA_DISABLED", Value: "true"})
	}
	base := strings.TrimSuffix(cmp.Or(j.Env("AWS_EC2_METADATA_SERVICE_ENDPOINT"), "http://169.254.169.254"), "/") + "/latest/"
	token, err := ask{
		method: http.MethodPut, url: base + "api/token",
		header: http.Header{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": {"60"}},
	}.send(ctx, metadata())
	if err != nil {
		return "", err
	}
	answer, err := ask{
		url:    base + "meta-data/" + path,
		header: http.Header{"X-Aws-Ec2-Metadata-Token": {strings.TrimSpace(string(token))}},
	}.send(ctx, metadata())
	return string(answer), err
}
