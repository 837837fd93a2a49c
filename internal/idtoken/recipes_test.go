package idtoken_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// A recipe is a source as its documentation describes it: either something
// listens, or a token lies there.
type recipe struct {
	name     string                             // of the source, and what is special
	open     func(p *platform, h http.Handler)  // has the workload's requests arrive at h
	serve    func(p *platform) http.HandlerFunc // what should be at h
	place    func(p *platform, token string)    // instead, for a token that is there already
	audience any                                // of the token; nil is the one wanted
}

const (
	namespaceIssue = "/nsl.tenants.TenantsService/IssueIdToken"
	namespaceTrade = "/nsl.signin.SigninService/IssueTenantTokenFromSession"
	podAccount     = "/var/run/secrets/kubernetes.io/serviceaccount"
	workloadFile   = "/var/run/nsc/token.json"
)

var recipes = []recipe{
	{
		name: "github",
		open: func(p *platform, h http.Handler) {
			p.set("GITHUB_ACTIONS", "true", "ACTIONS_ID_TOKEN_REQUEST_URL", p.tcp(h)+"/token?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", hush)
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"GET", "/token", url.Values{"api-version": {"2.0"}, "audience": {wanted}},
				map[string]string{"Authorization": "Bearer " + hush, "Accept": "application/json"}, "",
			}, `{"count":9,"value":"TOKEN"}`})
		},
	},
	{
		name: "forgejo",
		open: func(p *platform, h http.Handler) {
			p.set("GITHUB_ACTIONS", "true", "FORGEJO_ACTIONS", "true", "GITEA_ACTIONS", "true",
				"ACTIONS_ID_TOKEN_REQUEST_URL", p.tcp(h)+"/api/actions/_apis/pipelines/workflows/7/idtoken?api-version=2.0", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", hush)
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"GET", "/api/actions/_apis/pipelines/workflows/7/idtoken", url.Values{"api-version": {"2.0"}, "audience": {wanted}},
				map[string]string{"Authorization": "Bearer " + hush}, "",
			}, `{"value":"TOKEN"}`})
		},
	},
	{
		name: "gitea", // of a release to come
		open: func(p *platform, h http.Handler) {
			p.set("GITHUB_ACTIONS", "true", "GITEA_ACTIONS", "true", "ACTIONS_ID_TOKEN_REQUEST_URL", p.tcp(h)+"/token?x=1", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", hush)
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{"GET", "/token", url.Values{"x": {"1"}, "audience": {wanted}}, nil, ""}, `{"value":"TOKEN"}`})
		},
	},
	{name: "gitlab", place: func(p *platform, token string) { p.set("GITLAB_CI", "true", "TS_ID_TOKEN", token) }},
	{
		name: "buildkite",
		open: openBuildkite,
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"POST", "/v3/jobs/0190-job/oidc/tokens", nil,
				map[string]string{"Authorization": "Token " + hush, "Content-Type": "application/json"}, `{"audience":"` + wanted + `"}`,
			}, `{"token":"TOKEN"}`})
		},
	},
	{
		name: "buildkite with claims",
		open: func(p *platform, h http.Handler) {
			openBuildkite(p, h)
			p.set("BUILDKITE_OIDC_TOKEN_CLAIMS", "organization_id,pipeline_id", "BUILDKITE_OIDC_TOKEN_SUBJECT_CLAIM", "pipeline_id")
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"POST", "/v3/jobs/0190-job/oidc/tokens", nil, nil,
				`{"audience":"` + wanted + `","claims":["organization_id","pipeline_id"],"subject_claim":"pipeline_id"}`,
			}, `{"token":"TOKEN"}`})
		},
	},
	{
		name: "circleci",
		place: func(p *platform, token string) {
			p.set("CIRCLECI", "true")
			p.script("circleci", fmt.Sprintf(`[ "$*" = 'run oidc get --claims {"aud":"%s"}' ] || { echo "asked for $*" >&2; exit 3; }
echo %q`, wanted, token))
		},
	},
	{
		name: "azure-devops", audience: "api://AzureADTokenExchange",
		open: func(p *platform, h http.Handler) {
			p.set("TF_BUILD", "True", "SYSTEM_OIDCREQUESTURI", p.tcp(h)+"/org/oidctoken", "SYSTEM_ACCESSTOKEN", hush)
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"POST", "/org/oidctoken", url.Values{"api-version": {"7.1"}}, map[string]string{
					"Authorization": "Bearer " + hush, "Content-Type": "application/json", "X-Tfs-Fedauthredirect": "Suppress",
				}, "",
			}, `{"oidcToken":"TOKEN"}`})
		},
	},
	{
		name: "bitbucket", audience: []string{wanted},
		place: func(p *platform, token string) {
			p.set("BITBUCKET_BUILD_NUMBER", "7", "BITBUCKET_STEP_OIDC_TOKEN", token)
		},
	},
	{
		name: "semaphore", audience: "https://acme.semaphoreci.com",
		place: func(p *platform, token string) { p.set("SEMAPHORE", "true", "SEMAPHORE_OIDC_TOKEN", token) },
	},
	{
		name: "codefresh",
		open: func(p *platform, h http.Handler) {
			p.set("CF_BUILD_ID", "1", "CF_OIDC_REQUEST_URL", p.tcp(h)+"/id_token", "CF_OIDC_REQUEST_TOKEN", hush)
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"GET", "/id_token", url.Values{"audience": {wanted}}, map[string]string{"Authorization": hush}, "",
			}, `{"id_token":"TOKEN"}`})
		},
	},
	{name: "terraform", place: func(p *platform, token string) { p.set("TFC_WORKLOAD_IDENTITY_TOKEN", token) }},
	{name: "terraform with a tag", place: func(p *platform, token string) {
		p.set("TFC_WORKLOAD_IDENTITY_TOKEN", tokenFor(p.t, "aws.workload.identity"), "TFC_WORKLOAD_IDENTITY_TOKEN_TAILSCALE", token)
	}},
	{
		name: "spacelift", audience: "acme.app.spacelift.io",
		place: func(p *platform, token string) { p.set("SPACELIFT_OIDC_TOKEN", token) },
	},
	{
		name: "spacelift by file", audience: "acme.app.spacelift.io",
		place: func(p *platform, token string) {
			p.wish.Source = "spacelift"
			p.lay("/mnt/workspace/spacelift.oidc", token+"\n")
		},
	},
	{
		name: "vercel", audience: "https://vercel.com/acme",
		place: func(p *platform, token string) { p.set("VERCEL", "1", "VERCEL_OIDC_TOKEN", token) },
	},
	{name: "jenkins by env", place: func(p *platform, token string) {
		p.wish.Source = "env:BOUND"
		p.set("JENKINS_URL", "https://ci.acme.example/", "BOUND", token)
	}, audience: []string{wanted}},
	{name: "nomad", place: func(p *platform, token string) { p.set("NOMAD_ALLOC_ID", "1", "NOMAD_TOKEN_tailscale", token) }},
	{name: "nomad by file", place: func(p *platform, token string) {
		p.set("NOMAD_ALLOC_ID", "1", "NOMAD_SECRETS_DIR", p.wish.Root)
		p.lay("nomad_tailscale.jwt", token)
	}},
	{
		name: "namespace",
		open: func(p *platform, h http.Handler) {
			p.set("NSC_TOKEN_FILE", p.lay("token.json", `{"bearer_token":"nsct_`+hush+`"}`), "NSC_IAM_ENDPOINT", p.tcp(h))
		},
		serve: func(p *platform) http.HandlerFunc { return p.answers(namespaceIssues("nsct_" + hush)) },
	},
	{
		name: "namespace with a session",
		open: func(p *platform, h http.Handler) {
			p.wish.Source = "namespace"
			p.lay(workloadFile, `{"session_token":"st_`+hush+`"}`)
			p.set("NSC_GLOBAL_ENDPOINT", p.tcp(h)+"/")
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"POST", namespaceTrade, nil, map[string]string{"Authorization": "Bearer st_" + hush}, `{"token_duration_secs":600}`,
			}, `{"tenant_token":"nsct_traded"}`}, namespaceIssues("nsct_traded"))
		},
	},
	{
		name: "fly",
		open: func(p *platform, h http.Handler) {
			p.set("FLY_MACHINE_ID", "1")
			p.socket("/.fly/api", h)
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"POST", "/v1/tokens/oidc", nil, map[string]string{"Content-Type": "application/json"}, `{"aud":"` + wanted + `"}`,
			}, "TOKEN"})
		},
	},
	{
		name: "aks", audience: "api://AzureADTokenExchange",
		place: func(p *platform, token string) {
			p.set("AZURE_FEDERATED_TOKEN_FILE", p.lay("azure-identity-token", token))
		},
	},
	{
		name: "azure app",
		open: func(p *platform, h http.Handler) {
			p.set("IDENTITY_ENDPOINT", p.tcp(h)+"/msi/token", "IDENTITY_HEADER", hush, "AZURE_CLIENT_ID", "one-of-two")
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"GET", "/msi/token", url.Values{"api-version": {"2019-08-01"}, "resource": {wanted}, "client_id": {"one-of-two"}},
				map[string]string{"X-Identity-Header": hush, "Metadata": ""}, "",
			}, `{"access_token":"TOKEN","token_type":"Bearer"}`})
		},
	},
	{
		name: "azure machine",
		open: func(p *platform, h http.Handler) {
			p.wish.Source = "azure"
			p.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", p.tcp(h))
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"GET", "/metadata/identity/oauth2/token", url.Values{"api-version": {"2018-02-01"}, "resource": {wanted}},
				map[string]string{"Metadata": "true"}, "",
			}, `{"access_token":"TOKEN","token_type":"Bearer"}`})
		},
	},
	{
		name: "google",
		open: func(p *platform, h http.Handler) {
			p.set("K_SERVICE", "web", "GCE_METADATA_HOST", strings.TrimPrefix(p.tcp(h), "http://"))
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"GET", "/computeMetadata/v1/instance/service-accounts/default/identity", url.Values{"audience": {wanted}, "format": {"full"}},
				map[string]string{"Metadata-Flavor": "Google"}, "",
			}, "TOKEN"})
		},
	},
	{
		name: "aws by keys",
		open: func(p *platform, h http.Handler) {
			p.wish.Source = "aws"
			p.set(awsKeys...)
			p.set("AWS_REGION", "eu-central-1", "AWS_ENDPOINT_URL_STS", p.tcp(h))
		},
		serve: func(p *platform) http.HandlerFunc { return p.answers(p.sts("eu-central-1", awsKeys[5])) },
	},
	{
		name: "aws container",
		open: func(p *platform, h http.Handler) {
			address := p.tcp(h)
			p.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", address+"/v1/credentials", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", p.lay("eks-pod-identity-token", hush+"\n"),
				"AWS_REGION", "eu-west-1", "AWS_ENDPOINT_URL", address+"/")
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"GET", "/v1/credentials", nil, map[string]string{"Authorization": hush}, "",
			}, awsDocument}, p.sts("eu-west-1", awsKeys[5]))
		},
	},
	{
		name: "aws machine",
		open: func(p *platform, h http.Handler) {
			p.wish.Source = "aws"
			p.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", p.tcp(h)+"/")
			p.set("AWS_ENDPOINT_URL_STS", p.vars["AWS_EC2_METADATA_SERVICE_ENDPOINT"])
		},
		serve: func(p *platform) http.HandlerFunc {
			meta := func(path, answer string) exchange {
				return exchange{want{"GET", "/latest/meta-data/" + path, nil, map[string]string{"X-Aws-Ec2-Metadata-Token": hush}, ""}, answer}
			}
			return p.answers(
				exchange{want{"PUT", "/latest/api/token", nil, map[string]string{"X-Aws-Ec2-Metadata-Token-Ttl-Seconds": "60"}, ""}, hush},
				meta("iam/security-credentials/", "runner"), meta("iam/security-credentials/runner", awsDocument),
				meta("placement/region", "us-east-2"), p.sts("us-east-2", awsKeys[5]))
		},
	},
	{
		name: "kubernetes by request",
		open: func(p *platform, h http.Handler) {
			p.cluster(h)
			p.lay(podAccount+"/token", sign(p.t, jwt.MapClaims{"sub": "system:serviceaccount:ci:builder", "aud": "https://kubernetes.default.svc"}))
		},
		serve: func(p *platform) http.HandlerFunc {
			own := sign(p.t, jwt.MapClaims{"sub": "system:serviceaccount:ci:builder", "aud": "https://kubernetes.default.svc"})
			return p.answers(exchange{want{
				"POST", "/api/v1/namespaces/ci/serviceaccounts/builder/token", nil,
				map[string]string{"Authorization": "Bearer " + own, "Content-Type": "application/json"},
				`{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"audiences":["` + wanted + `"],"expirationSeconds":600}}`,
			}, `{"kind":"TokenRequest","status":{"token":"TOKEN"}}`})
		},
	},
	{
		name: "kubernetes by file", audience: []string{wanted},
		place: func(p *platform, token string) {
			p.set("KUBERNETES_SERVICE_HOST", "10.0.0.1")
			p.lay("/var/run/secrets/tailscale/serviceaccount/token", token)
		},
	},
	{
		name: "spiffe", audience: []string{wanted},
		open: func(p *platform, h http.Handler) {
			p.set("SPIFFE_ENDPOINT_SOCKET", "unix://"+p.socket("agent.sock", h))
		},
		serve: func(p *platform) http.HandlerFunc { return workloadAPI(p) },
	},
	{
		name: "tailscaled",
		open: func(p *platform, h http.Handler) {
			p.wish.Source = "tailscaled"
			p.set("TS_SOCKET", p.socket("tailscaled.sock", h))
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{"GET", "/localapi/v0/id-token", url.Values{"aud": {wanted}}, nil, ""}, `{"id_token":"TOKEN"}`})
		},
	},
	{
		name: "sts",
		open: func(p *platform, h http.Handler) { p.wish.Source, p.wish.STS = "sts", p.tcp(h)+"/" },
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{"POST", "/token", url.Values{"resource": {wanted}}, map[string]string{"X-Tsiam": "1", "Authorization": ""}, ""},
				`{"access_token":"TOKEN","token_type":"Bearer","expires_in":"300","expires_on":"1787191500","not_before":"1787191170"}`})
		},
	},
	{name: "env:", place: func(p *platform, token string) { p.wish.Source = "env:MINE"; p.set("MINE", token) }},
	{name: "file:", place: func(p *platform, token string) { p.wish.Source = "file:" + p.lay("token", token+"\n") }},
	{name: "file: of JSON", place: func(p *platform, token string) {
		p.wish.Key = "data.jwt"
		p.wish.Source = "file:" + p.lay("token.json", `{"data":{"jwt":"`+token+`"}}`)
	}},
	{name: "command:", place: func(p *platform, token string) {
		p.script("give-token", `[ "$1 $2" = "for tailscale" ] && echo `+token)
		p.wish.Source = `command:give-token for 'tailscale'`
	}},
	{name: "command: of JSON", place: func(p *platform, token string) {
		p.script("nsc", `echo '{"id_token":"`+token+`"}'`)
		p.wish.Source = `command:nsc auth issue-id-token -o json`
	}},
	{
		name: "url: with all",
		open: func(p *platform, h http.Handler) {
			p.wish.Source, p.wish.Body, p.wish.Key = "url:"+p.tcp(h)+"/mint?v=2", `{"audience":"x"}`, "result.jwt"
			p.wish.Headers = secret.New("X-Api-Key: ${MY_KEY}\n\nAccept: text/plain, */*\n")
			p.set("MY_KEY", hush)
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{
				"POST", "/mint", url.Values{"v": {"2"}}, map[string]string{"X-Api-Key": hush, "Accept": "text/plain, */*", "Content-Type": "application/json"}, `{"audience":"x"}`,
			}, `{"token":"another","result":{"jwt":"TOKEN"}}`})
		},
	},
	{
		name: "url: bare",
		open: func(p *platform, h http.Handler) { p.wish.Source = "url:" + p.tcp(h) + "/mint" },
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{"GET", "/mint", nil, map[string]string{"Authorization": ""}, ""}, "TOKEN\n"})
		},
	},
	{
		name: "url: over a socket",
		open: func(p *platform, h http.Handler) {
			p.wish.Source = "url:http+unix://" + p.socket("api.sock", h) + ":/v1/token?v=2"
		},
		serve: func(p *platform) http.HandlerFunc {
			return p.answers(exchange{want{"GET", "/v1/token", url.Values{"v": {"2"}}, nil, ""}, `{"access_token":"TOKEN"}`})
		},
	},
}

func openBuildkite(p *platform, h http.Handler) {
	p.set("BUILDKITE", "true", "BUILDKITE_AGENT_ENDPOINT", p.tcp(h)+"/v3/", "BUILDKITE_JOB_ID", "0190-job", "BUILDKITE_AGENT_ACCESS_TOKEN", hush)
}

func recipeOf(name string) recipe {
	for _, r := range recipes {
		if r.name == name {
			return r
		}
	}
	panic(name)
}

func namespaceIssues(bearer string) exchange {
	return exchange{want{
		"POST", namespaceIssue, nil, map[string]string{"Authorization": "Bearer " + bearer, "Content-Type": "application/json"},
		`{"audience":"` + wanted + `","duration_secs":600,"version":1}`,
	}, `{"id_token":"TOKEN"}`}
}
