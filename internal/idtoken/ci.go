package idtoken

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// buildkite asks the agent API, as `buildkite-agent oidc request-token` does
// and with its variables. The scheme is "Token".
// Source: buildkite/agent, api/oidc.go.
func buildkite(ctx context.Context, j job) (string, error) {
	endpoint := cmp.Or(j.Env("BUILDKITE_AGENT_ENDPOINT"), "https://agent-edge.buildkite.com/v3")
	request := map[string]any{"audience": j.audience}
	if claims := j.Env("BUILDKITE_OIDC_TOKEN_CLAIMS"); claims != "" {
		request["claims"] = strings.Split(claims, ",")
	}
	if subject := j.Env("BUILDKITE_OIDC_TOKEN_SUBJECT_CLAIM"); subject != "" {
		request["subject_claim"] = subject
	}
	return ask{
		method: http.MethodPost,
		url:    strings.TrimSuffix(endpoint, "/") + "/jobs/" + url.PathEscape(j.Env("BUILDKITE_JOB_ID")) + "/oidc/tokens",
		header: http.Header{"Authorization": {"Token " + j.Env("BUILDKITE_AGENT_ACCESS_TOKEN")}},
		body:   asJSON(request),
	}.tokenFrom(ctx, j.remote(), "token")
}

// circleci runs the CLI that every executor has: there is no service to ask.
// The token comes on standard output, never on a command line.
// Source: https://circleci.com/docs/oidc-tokens-with-custom-claims.
func circleci(ctx context.Context, j job) (string, error) {
	out, err := j.run(ctx, []string{"circleci", "run", "oidc", "get", "--claims", asJSON(map[string]string{"aud": j.audience})})
	return strings.TrimSpace(string(out)), err
}

func circleciMissing(j job) *diag.Problem {
	return j.noProgram("circleci", "CircleCI puts it into every executor. On CircleCI Server before 4.4 use\n  id-token-source: env:CIRCLE_OIDC_TOKEN_V2\nand the organization's ID as audience")
}

// azureDevOps asks the pipeline's own service. The audience is always the same.
// Source: Azure/azure-sdk-for-go, sdk/azidentity/azure_pipelines_credential.go.
func azureDevOps(ctx context.Context, j job) (string, error) {
	address, err := withQuery(j.Env("SYSTEM_OIDCREQUESTURI"), "api-version", "7.1")
	if err != nil {
		return "", err
	}
	header := bearer(j.Env("SYSTEM_ACCESSTOKEN"))
	header.Set("Content-Type", "application/json")
	header.Set("X-TFS-FedAuthRedirect", "Suppress") // 401, not a page to log in
	return ask{method: http.MethodPost, url: address, header: header}.tokenFrom(ctx, j.remote(), "oidcToken")
}

// azureDevOpsMissing: the agent sets the address, and a step is given the token
// only if its pipeline says so.
func azureDevOpsMissing(j job) *diag.Problem {
	p := needs("a step must be given the job's token:\n  env:\n    SYSTEM_ACCESSTOKEN: $(System.AccessToken)", "SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN")(j)
	if p != nil && j.Env("SYSTEM_OIDCREQUESTURI") == "" {
		p.Hint += "\nThe agent sets SYSTEM_OIDCREQUESTURI for every job: hand it on into a container or to another user.\n" +
			"An Azure DevOps Server has none: give oauth-secret or authkey there"
	}
	return p
}

// codefresh asks as the step obtain-oidc-id-token does: the token in the header
// has no scheme.
// Source: codefresh-io/steps, incubating/obtain-oidc-id-token.
func codefresh(ctx context.Context, j job) (string, error) {
	address, err := withQuery(j.Env("CF_OIDC_REQUEST_URL"), "audience", j.audience)
	if err != nil {
		return "", err
	}
	header := http.Header{"Authorization": {j.Env("CF_OIDC_REQUEST_TOKEN")}}
	return ask{url: address, header: header}.tokenFrom(ctx, j.remote(), "id_token")
}

// firstOf reads the first of these that gives a token.
func firstOf(reads ...func(job) (string, error)) func(job) (string, error) {
	return func(j job) (string, error) {
		for _, read := range reads {
			if token, err := read(j); token != "" || err != nil {
				return token, err
			}
		}
		return "", nil
	}
}

// content reads a file of the platform, "" if it is not there.
func content(path func(job) string) func(job) (string, error) {
	return func(j job) (string, error) {
		raw, err := os.ReadFile(path(j))
		if os.IsNotExist(err) {
			return "", nil
		}
		return strings.TrimSpace(string(raw)), err
	}
}

// lacks makes the check of a source that is read: there must be something.
func lacks(hint string, read func(job) (string, error)) func(job) *diag.Problem {
	return func(j job) *diag.Problem {
		if token, err := read(j); token == "" {
			return noToken("this job has no ID token", hint, err)
		}
		return nil
	}
}

func spaceliftFile(j job) string { return j.path("/mnt/workspace/spacelift.oidc") }

// nomadFile is where Nomad writes the identity that the jobspec names tailscale.
// Source: hashicorp/nomad, client/allocrunner/taskrunner/identity_hook.go.
func nomadFile(j job) string {
	return cmp.Or(j.Env("NOMAD_SECRETS_DIR"), j.path("/secrets")) + "/nomad_tailscale.jwt"
}

// jenkinsMissing: Jenkins gives tokens, but only under names that its users
// choose.
func jenkinsMissing(job) *diag.Problem {
	return noToken("Jenkins gives ID tokens by a credential, under a name that is yours to choose",
		"bind a credential of the kind \"OpenID Connect id token\" to a variable, and name it:\n"+
			"  withCredentials([string(credentialsId: 'tailscale', variable: 'TS_ID_TOKEN')])\n  id-token-source: env:TS_ID_TOKEN", nil)
}
