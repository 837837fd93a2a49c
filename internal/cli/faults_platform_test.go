//go:build linux

package cli_test

import (
	"crypto/rand"
	"crypto/rsa"
	"net/http"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// refusedAt is a refusal by an API whose clock is so many seconds ahead.
func refusedAt(seconds int) localtailnet.Fault {
	date := time.Now().Add(time.Duration(seconds) * time.Second).UTC().Format(http.TimeFormat)
	return localtailnet.Fault{Status: 403, Body: `{"message":"Unauthorized"}`, Header: http.Header{"Date": {date}, "Content-Type": {"application/json"}}}
}

// strange is a key that no issuer publishes.
var strange, _ = rsa.GenerateKey(rand.Reader, 2048)

// The issuer of most cases is not asked by the tailnet: it trusts another, which
// is why it refuses.
var issuerFaults = []fault{
	{name: "issuer: the enterprise's", claims: claims{"iss": "https://token.actions.githubusercontent.com/acme-corp"}, code: "wif-refused", why: "issuer",
		first: saying{"the name of the enterprise, acme-corp, at its end", "https://token.actions.githubusercontent.com/acme-corp", "is another issuer"}},
	{name: "issuer: GHE.com", claims: claims{"iss": "https://token.actions.acme.ghe.com"}, code: "wif-refused", why: "issuer",
		first: saying{"belongs to acme.ghe.com", "must be https://token.actions.acme.ghe.com"}},
	{name: "issuer: an Enterprise Server behind a firewall", claims: claims{"iss": "https://github.corp/_services/token"}, code: "wif-refused", why: "issuer",
		first: saying{"Tailscale cannot reach the issuer https://github.corp/_services/token", "from the internet"}},
	{name: "issuer: of a cluster", claims: claims{"iss": "https://kubernetes.default.svc.cluster.local", "sub": "system:serviceaccount:ci:deploy"}, code: "wif-refused", why: "issuer",
		first: saying{"Tailscale cannot reach the issuer https://kubernetes.default.svc.cluster.local", "publish its discovery document"}},
	{name: "issuer: a private address", claims: claims{"iss": "https://10.1.2.3"}, code: "wif-refused", why: "issuer", first: saying{"Tailscale cannot reach the issuer https://10.1.2.3"}},
	{name: "issuer: plain http", claims: claims{"iss": "http://gitlab.acme.example"}, code: "wif-refused", why: "issuer", first: saying{"http://gitlab.acme.example is not an https:// address"}},
	{name: "issuer: a name without dots", claims: claims{"iss": "https://gitlab"}, code: "wif-refused", why: "issuer", first: saying{"Tailscale cannot reach the issuer https://gitlab,"}},
	{name: "issuer: no address", claims: claims{"iss": "acme"}, code: "wif-refused", why: "issuer", first: saying{"the issuer acme is not an address"}},
	{name: "issuer: none", claims: claims{"iss": nil}, code: "wif-refused", why: "issuer", first: saying{"names no issuer (iss)"}},
	{name: "issuer: Entra version 1", claims: claims{"iss": "https://sts.windows.net/00000000-1111-2222-3333-444444444444/", "sub": "00000000-1111-2222-3333-444444444444", "oid": "x"}, code: "wif-refused", why: "issuer",
		listed: true, first: saying{"issuer: must be https://sts.windows.net/00000000-1111-2222-3333-444444444444/", "version 2"}},
	{name: "issuer: CircleCI's root", claims: claims{"iss": "https://oidc.circleci.com", "sub": "organisation"}, code: "wif-refused", why: "issuer",
		first: saying{"CircleCI's for all organizations", "https://oidc.circleci.com/org/ORG-ID is another issuer"}},
	{name: "issuer: does not answer", claims: claims{"iss": "http://127.0.0.1:9"}, credential: func(c *credential) { c.Issuer = "http://127.0.0.1:9" }, code: "wif-refused", why: "discovery",
		first: saying{"the keys of the issuer http://127.0.0.1:9 cannot be fetched", ".well-known/openid-configuration"}},
	{name: "issuer: its document is another's", claims: claims{"iss": "$ISSUER/"}, code: "wif-refused", why: "issuer", first: saying{"/"}, listed: true},
	{name: "signature: of another key", token: localtailnet.Forgery{Key: strange}, code: "wif-refused", why: "signature", first: saying{"no key that the issuer $ISSUER publishes has signed the ID token", "Get a fresh token"}},
	{name: "signature: of an unknown key", token: localtailnet.Forgery{Header: map[string]any{"kid": "old"}}, code: "wif-refused", first: saying{"no key that the issuer $ISSUER publishes"}},
	{name: "signature: by a secret", token: localtailnet.Forgery{Method: jwt.SigningMethodHS256, Key: []byte("0123456789abcdef0123456789abcdef")}, code: "wif-refused", why: "algorithm",
		first: saying{"signed with HS256", "RS256 or ES256"}},
	{name: "signature: none", token: localtailnet.Forgery{Method: jwt.SigningMethodNone, Key: jwt.UnsafeAllowNoneSignatureType}, code: "wif-refused", why: "algorithm", first: saying{"signed with none"}},
}

// platformFaults are of other CIs: the form of their subjects, and where their
// audience is set.
var platformFaults = []fault{
	{name: "GitLab: another branch", claims: claims{"sub": "project_path:acme/web:ref_type:branch:ref:topic", "pipeline_source": "push"}, env: gitlab, code: "wif-refused", why: "subject does not match",
		credential: func(c *credential) { c.Subject = "project_path:acme/web:ref_type:branch:ref:main" }, first: saying{"runs on the branch topic", "project_path:acme/web:ref_type:branch:ref:topic"}},
	{name: "GitLab: a tag", claims: claims{"sub": "project_path:acme/web:ref_type:tag:ref:v1"}, env: gitlab, code: "wif-refused", why: "subject does not match",
		first: saying{"runs on the tag v1", "project_path:acme/web:ref_type:tag:ref:v1", "project_path:acme/web:ref_type:tag:ref:*"}},
	{name: "GitLab: a merge request", claims: claims{"sub": "project_path:acme/web:ref_type:branch:ref:topic", "pipeline_source": "merge_request_event"}, env: gitlab, code: "wif-refused", why: "subject does not match",
		first: saying{"runs for a merge request", "$CI_PIPELINE_SOURCE != \"merge_request_event\""}},
	{name: "GitLab: refs/heads in the credential", claims: claims{"sub": "project_path:acme/web:ref_type:branch:ref:main"}, env: gitlab, code: "wif-refused", why: "subject does not match",
		credential: func(c *credential) { c.Subject = "project_path:acme/web:ref_type:branch:ref:refs/heads/main" },
		first:      saying{"must be project_path:acme/web:ref_type:branch:ref:main", "no refs/heads/"}},
	{name: "GitLab: other parts of the subject", claims: claims{"sub": "project_id:17:ref_type:branch:ref:main"}, env: gitlab, code: "wif-refused", why: "subject does not match",
		first: saying{"ci_id_token_sub_claim_components", "project_id:17:ref_type:branch:ref:main"}},
	{name: "GitLab: not protected", claims: claims{"sub": "project_path:acme/web:ref_type:branch:ref:main", "ref_protected": "false", "project_path": "acme/web"}, env: gitlab, code: "wif-refused", why: "claim does not match",
		credential: func(c *credential) {
			c.Subject, c.Claims = "project_path:acme/web:*", map[string]string{"ref_protected": "true"}
		}, first: saying{"the ref is not protected", "ref_protected=true"}, more: saying{"ref_protected=false"}},
	{name: "GitLab: a schedule", claims: claims{"sub": "project_path:acme/web:ref_type:branch:ref:main", "pipeline_source": "schedule"}, env: gitlab, code: "wif-refused", why: "claim does not match",
		credential: func(c *credential) {
			c.Subject, c.Claims = "project_path:acme/web:*", map[string]string{"pipeline_source": "push"}
		}, first: saying{"the pipeline's source is schedule", "pipeline_source=push"}},
	{name: "GitLab: a server of one's own", claims: claims{"iss": "https://code.acme.example", "sub": "project_path:acme/web:ref_type:branch:ref:main"}, env: with(gitlab, "CI_SERVER_URL", "https://code.acme.example"),
		code: "wif-refused", why: "issuer", first: saying{"keys of the issuer https://code.acme.example cannot be fetched"}},
	{name: "GitLab: for another audience", token: localtailnet.Forgery{Audience: "https://gitlab.com"}, env: gitlab, code: "audience-mismatch", first: saying{"for another audience", "aud: api.tailscale.com/$ID"}, more: saying{"https://gitlab.com"}},
	{name: "GitLab: no id_tokens", env: with(gitlab, "TS_ID_TOKEN", ""), code: "no-id-token", first: saying{"id_tokens:", "aud: api.tailscale.com/$ID"}},
	{name: "Buildkite: no *", claims: claims{"sub": "organization:acme:pipeline:web:ref:refs/heads/main:commit:9a03:step:deploy"}, env: buildkite, code: "wif-refused", why: "subject does not match",
		credential: func(c *credential) { c.Subject = "organization:acme:pipeline:web:ref:refs/heads/main" },
		first:      saying{"the commit and the step", "organization:acme:pipeline:web:ref:refs/heads/main:*"}},
	{name: "Buildkite: another branch", claims: claims{"sub": "organization:acme:pipeline:web:ref:refs/heads/topic:commit:9a03:step:deploy"}, env: buildkite, code: "wif-refused", why: "subject does not match",
		first: saying{"runs on the branch topic", "organization:acme:pipeline:web:ref:refs/heads/topic:"}},
	{name: "Buildkite: a tag", claims: claims{"sub": "organization:acme:pipeline:web:ref:refs/tags/v1:commit:9a03:step:deploy"}, env: buildkite, code: "wif-refused", why: "subject does not match",
		first: saying{"runs on the tag v1", "organization:acme:pipeline:web:ref:refs/tags/v1:*"}},
	{name: "Buildkite: a subject of one's own", claims: claims{"sub": "01900000-aaaa-bbbb-cccc-000000000001", "pipeline_slug": "web"}, env: buildkite, code: "wif-refused", why: "subject does not match",
		first: saying{"--subject-claim", "01900000-aaaa-bbbb-cccc-000000000001"}},
	{name: "Buildkite: in a container", env: with(buildkite, "BUILDKITE_AGENT_ACCESS_TOKEN", ""), code: "no-id-token", first: saying{"mount-buildkite-agent"}},
	{name: "CircleCI: another user", claims: claims{"sub": "org/1-2/project/3-4/user/5-6"}, env: circle, files: circleci, code: "wif-refused", why: "subject does not match",
		credential: func(c *credential) { c.Subject = "org/1-2/project/3-4/user/9-9" }, first: saying{"the user who started the pipeline", "org/1-2/project/3-4/user/*"}},
	{name: "CircleCI: the second form", claims: claims{"sub": "org/1/project/2/user/3/vcs-origin/github.com/acme/web/vcs-ref/refs/heads/main"}, env: circle, files: circleci, code: "wif-refused", why: "subject does not match",
		credential: func(c *credential) { c.Subject = "org/1/project/2/user/3" }, first: saying{"org/1/project/2/user/*/vcs-origin/github.com/acme/web/vcs-ref/refs/heads/main", "first form"}},
	{name: "CircleCI: no program", env: env{"GITHUB_ACTIONS": "", "CIRCLECI": "true", "ACTIONS_ID_TOKEN_REQUEST_URL": ""}, code: "no-id-token", first: saying{"circleci", "CIRCLE_OIDC_TOKEN_V2"}},
	{name: "Azure Pipelines: the audience is fixed", token: localtailnet.Forgery{Audience: "api://AzureADTokenExchange"}, env: azure, code: "audience-mismatch", first: saying{"audience: api://AzureADTokenExchange", "into the Audience of the trust credential"}},
	{name: "Azure Pipelines: renamed", token: localtailnet.Forgery{Audience: "api://AzureADTokenExchange"}, claims: claims{"sub": "p://acme/web/Deploy it"}, env: with(azure, "TAILJOIN_AUDIENCE", "api://AzureADTokenExchange"), code: "wif-refused", why: "subject does not match",
		credential: func(c *credential) { c.Audience, c.Subject = "api://AzureADTokenExchange", "p://acme/web/deploy" }, listed: true, first: saying{"p://acme/web/Deploy it", "organization, project and pipeline"}},
	{name: "Azure Pipelines: no access token", env: with(azure, "SYSTEM_ACCESSTOKEN", ""), code: "no-id-token", first: saying{"SYSTEM_ACCESSTOKEN: $(System.AccessToken)"}},
	{name: "Azure Pipelines: no request address", env: with(azure, "SYSTEM_OIDCREQUESTURI", ""), code: "no-id-token", first: saying{"The agent sets SYSTEM_OIDCREQUESTURI", "Azure DevOps Server"}},
	{name: "Bitbucket: the step", claims: claims{"sub": "{11111111-2222}:{33333333-4444}"}, env: bitbucket, code: "wif-refused", why: "subject does not match",
		credential: func(c *credential) { c.Subject = "{11111111-2222}" }, first: saying{"the step's UUID", "must be {11111111-2222}*"}},
	{name: "Bitbucket: an environment", claims: claims{"sub": "{1}:{2}:{3}"}, env: bitbucket, code: "wif-refused", why: "subject does not match", first: saying{"deployment environment", "{1}:{2}:*"}},
	{name: "Bitbucket: the default audience", token: localtailnet.Forgery{Audience: "ari:cloud:bitbucket::workspace/1"}, env: bitbucket, code: "audience-mismatch", first: saying{"audiences:", "api.tailscale.com/$ID"}},
	{name: "Bitbucket: no oidc", env: with(bitbucket, "BITBUCKET_STEP_OIDC_TOKEN", ""), code: "no-id-token", first: saying{"oidc:", "api.tailscale.com/$ID"}},
	{name: "HCP Terraform: the phase", claims: claims{"sub": "organization:acme:project:web:workspace:prod:run_phase:plan"}, env: variable, code: "wif-refused", why: "subject does not match",
		credential: func(c *credential) { c.Subject = "organization:acme:project:web:workspace:prod:run_phase:apply" },
		first:      saying{"the phase of the run, plan", "organization:acme:project:web:workspace:prod:run_phase:*"}},
	{name: "Kubernetes: the default account", claims: claims{"sub": "system:serviceaccount:ci:default"}, env: variable, code: "wif-refused", why: "subject does not match",
		credential: func(c *credential) { c.Subject = "system:serviceaccount:ci:deploy" },
		first:      saying{"the service account default of the namespace ci", "system:serviceaccount:ci:default", "serviceAccountName"}},
	{name: "Kubernetes: another namespace", claims: claims{"sub": "system:serviceaccount:test:deploy"}, env: variable, code: "wif-refused", why: "subject does not match",
		credential: func(c *credential) { c.Subject = "system:serviceaccount:ci:deploy" }, first: saying{"the service account deploy of the namespace test", "must be system:serviceaccount:test:deploy"}},
	{name: "Google: an e-mail address", claims: claims{"sub": "112233445566778899001"}, env: variable, code: "wif-refused", why: "subject does not match",
		credential: func(c *credential) { c.Subject = "ci@acme.iam.gserviceaccount.com" }, first: saying{"the number of a service account, not its e-mail address", "must be 112233445566778899001"}},
	{name: "AWS: a session", claims: claims{"sub": "arn:aws:iam::123456789012:role/ci"}, env: variable, code: "wif-refused", why: "subject does not match",
		credential: func(c *credential) { c.Subject = "arn:aws:sts::123456789012:assumed-role/ci/*" }, first: saying{"the role ci of the account 123456789012", "must be arn:aws:iam::123456789012:role/ci"}},
	{name: "Azure: the client ID", claims: claims{"sub": "00000000-1111-2222-3333-444444444444", "oid": "00000000-1111-2222-3333-444444444444"}, env: variable, code: "wif-refused", why: "subject does not match",
		first: saying{"the object ID of the managed identity, not its client ID", "must be 00000000-1111-2222-3333-444444444444"}},
	{name: "Spacelift: the type of the run", claims: claims{"sub": "space:root:stack:web:run_type:PROPOSED:scope:read"}, env: variable, code: "wif-refused", why: "subject does not match",
		first: saying{"type PROPOSED with the scope read", "space:root:stack:web:run_type:PROPOSED:scope:read"}},
	{name: "Vercel: a preview", claims: claims{"sub": "owner:acme:project:web:environment:preview"}, env: variable, code: "wif-refused", why: "subject does not match",
		first: saying{"environment is preview", "owner:acme:project:web:environment:preview"}},
	{name: "Fly: another machine", claims: claims{"sub": "acme:web:0123456789"}, env: variable, code: "wif-refused", why: "subject does not match", first: saying{"the machine", "acme:web:*"}},
	{name: "Jenkins: a job that was moved", claims: claims{"sub": "https://jenkins.acme.example/job/new/job/deploy/"}, env: variable, code: "wif-refused", why: "subject does not match",
		first: saying{"the address of the Jenkins job", "https://jenkins.acme.example/job/new/job/deploy/"}},
	{name: "SPIFFE: another path", claims: claims{"sub": "spiffe://acme/ns/ci/sa/deploy"}, env: variable, code: "wif-refused", why: "subject does not match", first: saying{"the SPIFFE ID", "must be spiffe://acme/ns/ci/sa/deploy"}},
	{name: "a variable: for another audience", token: localtailnet.Forgery{Audience: "vault"}, env: variable, code: "audience-mismatch", first: saying{"api.tailscale.com/$ID"}, more: saying{"vault"}},
	{name: "a file: a directory", env: env{"TAILJOIN_ID_TOKEN_SOURCE": "file:$DIR"}, code: "no-id-token", first: saying{"names a directory", "name the file in it"}},
	{name: "a file: not there", env: env{"TAILJOIN_ID_TOKEN_SOURCE": "file:$DIR/none"}, code: "no-id-token", first: saying{"no token in the file"}},
	{name: "a variable: no token", env: env{"TAILJOIN_ID_TOKEN_SOURCE": "env:TOK", "TOK": "<html>"}, code: "not-a-token", first: saying{"is no ID token"}, more: saying{"HTML"}},
}

// anotherCI unsets the variables of GitHub.
var anotherCI = env{"GITHUB_ACTIONS": "", "GITHUB_REPOSITORY": "", "GITHUB_REF": "", "ACTIONS_ID_TOKEN_REQUEST_URL": "", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": ""}

func with(base env, pairs ...string) env {
	all := env{}
	for name, value := range base {
		all[name] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		all[pairs[i]] = pairs[i+1]
	}
	return all
}

var (
	gitlab    = with(anotherCI, "GITLAB_CI", "true", "CI_DEFAULT_BRANCH", "main", "TS_ID_TOKEN", "$TOKEN", "CI_JOB_ID", "1")
	buildkite = with(anotherCI, "BUILDKITE", "true", "BUILDKITE_JOB_ID", "1", "BUILDKITE_AGENT_ACCESS_TOKEN", "x", "BUILDKITE_AGENT_ENDPOINT", "$URL")
	azure     = with(anotherCI, "TF_BUILD", "True", "SYSTEM_OIDCREQUESTURI", "$URL/azure", "SYSTEM_ACCESSTOKEN", "x")
	bitbucket = with(anotherCI, "BITBUCKET_BUILD_NUMBER", "1", "BITBUCKET_STEP_OIDC_TOKEN", "$TOKEN")
	circle    = with(anotherCI, "CIRCLECI", "true", "PATH", "$DIR:/usr/bin:/bin", "TEST_TOKEN", "$TOKEN")
	variable  = with(anotherCI, "TAILJOIN_ID_TOKEN_SOURCE", "env:TOK", "TOK", "$TOKEN")
)

// circleci is the program that gives tokens there.
var circleci = map[string]string{"circleci": "#!/bin/sh\necho \"$TEST_TOKEN\"\n"}
