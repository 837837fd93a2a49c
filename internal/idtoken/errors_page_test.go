package idtoken_test

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/idtoken"
)

// docs/errors.md shows the problems of this package as they are rendered here.
func TestErrorsPage_showsWhatIsRendered(t *testing.T) {
	github := map[string]string{
		"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "x",
		"ACTIONS_ID_TOKEN_REQUEST_URL": "https://run-actions-1.actions.githubusercontent.com/token?api-version=2.0",
	}
	buildkite := map[string]string{"BUILDKITE": "true", "BUILDKITE_JOB_ID": "1", "BUILDKITE_AGENT_ACCESS_TOKEN": "x", "BUILDKITE_AGENT_ENDPOINT": "https://agent-edge.buildkite.com/v3"}
	devops := map[string]string{"TF_BUILD": "True", "SYSTEM_ACCESSTOKEN": "x", "SYSTEM_OIDCREQUESTURI": "https://dev.azure.com/acme/oidctoken"}
	aws := map[string]string{"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_REGION": "eu-central-1", "AWS_ENDPOINT_URL_STS": "https://sts.eu-central-1.amazonaws.com"}
	_, nowhere := idtoken.Choose(env(nil), idtoken.Wish{})
	_, misspelt := idtoken.Choose(env(nil), idtoken.Wish{Source: "git-lab"})

	diagtest.Samples(t, "idtoken",
		misspelt,
		sample(t, map[string]string{"GITHUB_ACTIONS": "true"}, "", nil),
		sample(t, map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": pullRequestFrom(t, "mallory/web")}, "", nil),
		sample(t, map[string]string{"GITHUB_ACTIONS": "true", "FORGEJO_ACTIONS": "true"}, "", nil),
		sample(t, map[string]string{"GITHUB_ACTIONS": "true", "GITEA_ACTIONS": "true"}, "", nil),
		sample(t, map[string]string{"GITLAB_CI": "true"}, "", nil),
		nowhere,
		sample(t, github, "", answering(401, "", nil)),
		sample(t, aws, "aws", answering(400, "<Code>OutboundWebIdentityFederationDisabledException</Code>", nil)),
		sampleOf(t, nil, idtoken.Wish{Source: "sts", STS: "http://sts.tail10ca1.ts.net"}, answering(403, `{"code":"audience_not_permitted"}`, nil)),
		sample(t, devops, "", answering(200, "<!DOCTYPE html><title>Sign in</title>", nil)),
		sample(t, map[string]string{"GITLAB_CI": "true", "TS_ID_TOKEN": tokenFor(t, "https://gitlab.com")}, "", nil),
		sample(t, map[string]string{"SEMAPHORE": "true", "SEMAPHORE_OIDC_TOKEN": tokenFor(t, "https://acme.semaphoreci.com")}, "", nil),
		sample(t, map[string]string{"BITBUCKET_BUILD_NUMBER": "7", "BITBUCKET_STEP_OIDC_TOKEN": sign(t, jwt.MapClaims{
			"aud": "api.tailscale.com/T123-CNTRL", "exp": time.Date(2026, 8, 20, 2, 0, 0, 0, time.UTC).Unix(),
		})}, "", nil),
		sample(t, buildkite, "", answering(503, "", nil)),
	)
}

// sample asks for a token. Whatever name is asked, h answers.
func sample(t *testing.T, vars map[string]string, source string, h http.HandlerFunc) error {
	t.Helper()
	return sampleOf(t, vars, idtoken.Wish{Source: source}, h)
}

func sampleOf(t *testing.T, vars map[string]string, wish idtoken.Wish, h http.HandlerFunc) error {
	t.Helper()
	server := strings.TrimPrefix(newPlatform(t).tcp(h), "http://")
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", server)
	}
	chosen, err := idtoken.Choose(env(vars), wish)
	if err != nil {
		t.Fatal(err)
	}
	_, err = chosen.Get(t.Context(), env(vars), &http.Client{Transport: &http.Transport{DialContext: dial, DialTLSContext: dial}}, "api.tailscale.com/T123-CNTRL")
	return err
}
