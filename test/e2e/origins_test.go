//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// An origin is a platform whose jobs have ID tokens: what they say, how a job
// comes to one, and what the trust credential must hold.
type origin struct {
	claims map[string]any
	method jwt.SigningMethod // nil is RS256

	subject, audience string // of the trust credential; "" is the default audience
	rules             map[string]string

	snippet string               // of examples/identity, that joins; "" is tailjoin join
	start   func(*world, minter) // makes the job's surroundings
}

// A minter signs a token of the origin, for one audience or several.
type minter func(audience ...string) string

// github is an origin that asks as GitHub's jobs do.
func github(job localtailnet.Job, subject string) origin {
	return origin{claims: job.Claims(), subject: subject, start: func(w *world, _ minter) {
		w.vars["GITHUB_ACTIONS"] = "true"
		w.vars["ACTIONS_ID_TOKEN_REQUEST_URL"], w.vars["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = w.IDTokenRequestURL, w.IDTokenRequestToken
	}}
}

// inVariable is an origin that gives a job its token in the environment.
func (o origin) inVariable(marker, name string, audience ...string) origin {
	o.start = func(w *world, mint minter) { w.vars[marker], w.vars[name] = "true", mint(audience...) }
	return o
}

const (
	defaultAudience = "api.tailscale.com/" + clientID
	exchangeOfEntra = "api://AzureADTokenExchange"
)

var origins = map[string]origin{
	"github":            github(localtailnet.Job{Environment: "production"}, "repo:acme/web:environment:production"),
	"github, immutable": github(localtailnet.Job{Immutable: true}, "repo:acme@1001/web@2002:ref:refs/heads/*"),

	"gitlab": origin{
		claims: map[string]any{
			"sub": "project_path:acme/web:ref_type:branch:ref:main", "project_path": "acme/web", "project_id": "22", "ref": "main",
			"ref_type": "branch", "ref_protected": "true", "pipeline_source": "push", "job_id": "302", "environment": "production",
		},
		subject: "project_path:acme/web:ref_type:branch:ref:main", rules: map[string]string{"ref_protected": "true"},
	}.inVariable("GITLAB_CI", "TS_ID_TOKEN", defaultAudience),

	"buildkite": {
		claims: map[string]any{
			"sub":               "organization:acme:pipeline:web:ref:refs/heads/main:commit:9a0364b9e99bb480dd25e1f0284c8555:step:build",
			"organization_slug": "acme", "pipeline_slug": "web", "build_number": 1, "build_branch": "main", "job_id": "0190",
		},
		subject: "organization:acme:pipeline:web:ref:refs/heads/main:*",
		start: func(w *world, mint minter) {
			w.vars["BUILDKITE"], w.vars["BUILDKITE_JOB_ID"], w.vars["BUILDKITE_AGENT_ACCESS_TOKEN"] = "true", "0190", "agent-token"
			w.vars["BUILDKITE_AGENT_ENDPOINT"] = w.listens("127.0.0.1:0", func(r *http.Request) string {
				return giveIf(r.Header.Get("Authorization") == "Token agent-token", `{"token":"%s"}`, mint(field(r, "audience")))
			})
		},
	},

	"circleci": {
		claims: map[string]any{
			"sub": "org/71362723/project/bb6cf1a8/user/f2b9f4a2", "oidc.circleci.com/project-id": "bb6cf1a8", "oidc.circleci.com/ssh-rerun": false,
		},
		subject: "org/71362723/project/bb6cf1a8/user/*", rules: map[string]string{`"oidc.circleci.com/project-id"`: "bb6cf1a8"},
		start: func(w *world, mint minter) {
			w.vars["CIRCLECI"] = "true"
			w.installs("circleci", `[ "$*" = 'run oidc get --claims {"aud":"`+defaultAudience+`"}' ] && echo `+mint(defaultAudience))
		},
	},

	"azure pipelines": {
		claims:  map[string]any{"sub": "p://acme/web/deploy", "org_id": "0ca3ddd9", "prj_id": "271ef6f7", "def_id": "1", "rpo_ref": "refs/heads/main"},
		subject: "p://acme/web/deploy", audience: exchangeOfEntra,
		start: func(w *world, mint minter) {
			w.vars["TF_BUILD"], w.vars["SYSTEM_ACCESSTOKEN"], w.vars["TAILJOIN_AUDIENCE"] = "True", "system-token", exchangeOfEntra
			w.vars["SYSTEM_OIDCREQUESTURI"] = w.listens("127.0.0.1:0", func(r *http.Request) string {
				return giveIf(r.Header.Get("Authorization") == "Bearer system-token", `{"oidcToken":"%s"}`, mint(exchangeOfEntra))
			})
		},
	},

	"bitbucket": origin{
		claims:  map[string]any{"sub": "{2a0f}:{71c9}", "repositoryUuid": "{2a0f}", "workspaceUuid": "{8c11}", "branchName": "main"},
		subject: "{2a0f}*", rules: map[string]string{"branchName": "main"},
	}.inVariable("BITBUCKET_BUILD_NUMBER", "BITBUCKET_STEP_OIDC_TOKEN", "https://another.example", defaultAudience),

	"google": {
		claims:  map[string]any{"sub": "108201234567890123456", "azp": "108201234567890123456", "email": "ci@acme.iam.gserviceaccount.com", "email_verified": true},
		subject: "108201234567890123456", rules: map[string]string{"email": "ci@acme.iam.gserviceaccount.com"}, snippet: "google.sh",
		start: func(w *world, mint minter) {
			w.metadata("/computeMetadata/v1/instance/service-accounts/default/identity", func(r *http.Request) string {
				return giveIf(r.Header.Get("Metadata-Flavor") == "Google", "%s", mint(r.FormValue("audience")))
			})
		},
	},

	"azure": {
		claims: map[string]any{
			"sub": "7f3e-object", "oid": "7f3e-object", "tid": "72f988bf", "appid": "c1a0", "ver": "1.0",
			"xms_mirid": "/subscriptions/1/resourcegroups/ci/providers/Microsoft.ManagedIdentity/userAssignedIdentities/ci",
		},
		subject: "7f3e-object", audience: "api://tailscale", snippet: "azure.sh",
		start: func(w *world, mint minter) {
			w.metadata("/metadata/identity/oauth2/token", func(r *http.Request) string {
				return giveIf(r.Header.Get("Metadata") == "true", `{"access_token":"%s"}`, mint(r.FormValue("resource")))
			})
		},
	},

	"aws": {
		claims: map[string]any{
			"sub": "arn:aws:iam::123456789012:role/ci", "https://sts.amazonaws.com/": map[string]any{"aws_account": "123456789012", "source_region": "eu-central-1"},
		},
		method:  jwt.SigningMethodES384,
		subject: "arn:aws:iam::123456789012:role/ci", rules: map[string]string{`"https://sts.amazonaws.com/".aws_account`: "123456789012"}, snippet: "aws.sh",
		start: func(w *world, mint minter) {
			w.metadata("/latest/api/token", func(*http.Request) string { return "imds-token" })
			w.metadata("/latest/meta-data/iam/security-credentials/", func(r *http.Request) string {
				const credentials = `{"Code":"Success","AccessKeyId":"AKIA","SecretAccessKey":"secret","Token":"session"}`
				return giveIf(r.Header.Get("X-Aws-Ec2-Metadata-Token") == "imds-token", "%s",
					map[bool]string{true: "ci", false: credentials}[strings.HasSuffix(r.URL.Path, "/")])
			})
			w.metadata("/latest/meta-data/placement/region", func(*http.Request) string { return "eu-central-1" })
			w.vars["AWS_ENDPOINT_URL_STS"] = w.listens("127.0.0.1:0", func(r *http.Request) string {
				signed := strings.HasPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 Credential=AKIA/") && r.Header.Get("X-Amz-Security-Token") == "session"
				return giveIf(signed, "<R><WebIdentityToken>%s</WebIdentityToken></R>", mint(r.FormValue("Audience.member.1")))
			})
		},
	},

	"namespace": {
		claims: map[string]any{"sub": "tenant_8f1/inst_42", "tenant_id": "tenant_8f1"}, subject: "tenant_8f1/*", snippet: "namespace.sh",
		start: func(w *world, mint minter) {
			w.writes("/var/run/nsc/token.json", `{"session_token":"st_session"}`)
			w.vars["NSC_IAM_ENDPOINT"] = w.listens("127.0.0.1:0", func(r *http.Request) string {
				if strings.HasSuffix(r.URL.Path, "/IssueTenantTokenFromSession") {
					return giveIf(r.Header.Get("Authorization") == "Bearer st_session", `{"tenant_token":"%s"}`, "nsct_tenant")
				}
				return giveIf(r.Header.Get("Authorization") == "Bearer nsct_tenant", `{"id_token":"%s"}`, mint(field(r, "audience")))
			})
		},
	},

	"url": {
		claims: map[string]any{"sub": "somebody"}, subject: "somebody", snippet: "url.sh",
		start: func(w *world, mint minter) {
			w.vars["TOKEN_SERVICE_KEY"] = "service-key"
			w.listens("127.0.0.1:8200", func(r *http.Request) string {
				return giveIf(r.Header.Get("X-Api-Key") == "service-key", `{"result":{"jwt":"%s"}}`, mint(field(r, "aud")))
			})
		},
	},

	"url over a socket": {
		claims: map[string]any{"sub": "org:app:machine"}, subject: "org:app:*", snippet: "socket.sh",
		start: func(w *world, mint minter) {
			w.listens("/run/tokens.sock", func(r *http.Request) string { return mint(field(r, "aud")) })
		},
	},

	"file": {
		claims: map[string]any{"sub": "somebody"}, subject: "somebody", snippet: "file.sh",
		start: func(w *world, mint minter) { w.writes("/run/secrets/tailscale.jwt", mint(defaultAudience)) },
	},

	"env": origin{claims: map[string]any{"sub": "https://ci.acme.example/job/web/"}, subject: "https://ci.acme.example/job/*", snippet: "env.sh"}.
		inVariable("JENKINS_URL", "TS_ID_TOKEN", defaultAudience),

	"command": {
		claims: map[string]any{"sub": "108201234567890123456"}, subject: "108201234567890123456", snippet: "command.sh",
		start: func(w *world, mint minter) {
			w.installs("gcloud", `[ "$*" = "auth print-identity-token --audiences=`+defaultAudience+`" ] && echo `+mint(defaultAudience))
		},
	},
}

// giveIf is an answer with a value in it, if what was asked for may be had.
func giveIf(may bool, answer, value string) string {
	if !may {
		return ""
	}
	return fmt.Sprintf(answer, value)
}

// field is a value of the JSON that a request carries.
func field(r *http.Request, name string) string {
	var body map[string]any
	json.NewDecoder(r.Body).Decode(&body)
	value, _ := body[name].(string)
	return value
}

// listens serves a TCP port or a Unix socket for the job. An empty answer is a
// refusal.
func (w *world) listens(address string, answer func(*http.Request) string) (base string) {
	w.t.Helper()
	network := "tcp"
	if filepath.IsAbs(address) {
		network = "unix"
	}
	listener, err := net.Listen(network, address)
	if err != nil {
		w.t.Fatal(err)
	}
	server := &http.Server{Handler: handler(answer)}
	go server.Serve(listener)
	w.t.Cleanup(func() { server.Close() })
	return (&url.URL{Scheme: "http", Host: listener.Addr().String()}).String()
}

func handler(answer func(*http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text := answer(r)
		if text == "" {
			w.WriteHeader(http.StatusForbidden)
		}
		io.WriteString(w, text)
	}
}

// writes makes a file on this machine, which is the tests' alone.
func (w *world) writes(path, content string) {
	w.t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// installs puts a program on the job's PATH.
func (w *world) installs(name, script string) {
	w.t.Helper()
	path := filepath.Join(w.dir, "bin", name)
	w.writes(path, "#!/bin/sh\n"+script+"\n")
	if err := os.Chmod(path, 0o755); err != nil {
		w.t.Fatal(err)
	}
}
