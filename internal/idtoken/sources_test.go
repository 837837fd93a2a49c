package idtoken_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/retry"
)

// run sets the recipe up as it should be, and returns the audience to ask for.
func (r recipe) run(p *platform) (audience string) {
	p.t.Helper()
	audience = wanted
	if r.audience != nil {
		p.token = tokenFor(p.t, r.audience)
		if fixed, ok := r.audience.(string); ok {
			audience = fixed
		}
	}
	if r.place != nil {
		r.place(p, p.token)
	} else {
		r.open(p, r.serve(p))
	}
	return audience
}

func TestSources_giveATokenAsTheirRecipesSay(t *testing.T) {
	for _, r := range recipes {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t)
			audience := r.run(p)
			source, err := idtoken.Choose(p.env(), p.wish)
			if err != nil {
				t.Fatal(err)
			}
			if err := source.Ready(p.env(), audience); err != nil {
				t.Errorf("Ready: %v", err)
			}
			token, err := source.Get(t.Context(), p.env(), &http.Client{}, audience)
			if err != nil || token.Reveal() != p.token || !token.Claims.IsFor(audience) {
				t.Errorf("got a token for %v, error %v", token.Claims.Audience, err)
			}
			if name, _, _ := strings.Cut(r.name, " "); source.Name != name && p.wish.Source == "" {
				t.Errorf("the source is %s", source.Name)
			}
		})
	}
}

// Every row of the table has a recipe.
func TestSources_areAllInTheRecipes(t *testing.T) {
	for _, name := range idtoken.Names() {
		if !slices.ContainsFunc(recipes, func(r recipe) bool { first, _, _ := strings.Cut(r.name, " "); return first == name }) {
			t.Errorf("%s has none", name)
		}
	}
}

// page is what a proxy or a login puts in the place of an answer.
const page = "<!DOCTYPE html><title>" + hush + "</title>"

// failures are servers that give no token, and what is to be said of them.
var failures = map[string]struct {
	serve http.HandlerFunc
	code  string
	again bool
	after time.Duration // the least wait
}{
	"401":       {answering(401, page, nil), "id-token-refused", false, 0},
	"403":       {answering(403, `{"error":"`+hush+`"}`, nil), "id-token-refused", false, 0},
	"firewall":  {answering(403, page, http.Header{"Content-Type": {"text/html; charset=UTF-8"}}), "not-answering", true, 0},
	"408":       {answering(408, page, nil), "not-answering", true, 0},
	"429":       {answering(429, page, http.Header{"Retry-After": {"7"}}), "not-answering", true, 7 * time.Second},
	"500":       {answering(500, page, nil), "not-answering", true, 0},
	"503":       {answering(503, "", nil), "not-answering", true, 0},
	"empty":     {answering(200, "", nil), "not-a-token", false, 0},
	"HTML":      {answering(200, page, nil), "not-a-token", false, 0},
	"no token":  {answering(200, `{"message":"`+hush+`"}`, nil), "not-a-token", false, 0},
	"redirect":  {answering(302, "", http.Header{"Location": {"/elsewhere"}}), "id-token-refused", false, 0},
	"cut":       {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "not-answering", true, 0},
	"hang":      {hang, "not-answering", true, 0},
	"stall":     {stall, "not-answering", true, 0},
	"very long": {func(w http.ResponseWriter, _ *http.Request) { io.Copy(w, &endless{left: 3 << 20}) }, "not-a-token", false, 0},
}

func answering(status int, body string, header http.Header) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}
}

func hang(_ http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // or net/http would not see the client go
	<-r.Context().Done()
	panic(http.ErrAbortHandler) // to return would be an answer, with which a client that just gives up may still be served
}

// stall answers, and stops in the middle.
func stall(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // or net/http would not see the client go
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, "ey")
	http.NewResponseController(w).Flush()
	<-r.Context().Done()
	panic(http.ErrAbortHandler)
}

// An endless text has no end that anybody waits for.
type endless struct{ left int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left <= 0 {
		return 0, io.EOF
	}
	n := copy(p, strings.Repeat(hush+" ", 100))
	e.left -= n
	return n, nil
}

func TestSources_sayWhatIsWrongWithTheirService(t *testing.T) {
	for _, r := range recipes {
		if r.open == nil {
			continue
		}
		for name, failure := range failures {
			if r.name == "tailscaled" && name == "redirect" {
				continue // client/local would follow it; who listens there is root
			}
			t.Run(r.name+" "+name, func(t *testing.T) {
				t.Parallel()
				p := newPlatform(t)
				r.open(p, failure.serve)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				if name == "hang" || name == "stall" {
					ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
				}
				defer cancel()
				began := time.Now()
				_, err := get(ctx, t, p.env(), p.wish, wanted)
				if code, ok := differs[[2]string{r.name, name}]; ok {
					failure.code = code
				}
				wantProblem(t, err, failure.code, failure.again)
				if later, ok := errors.AsType[*retry.Later](err); ok && later.After < failure.after {
					t.Errorf("to wait %v, want %v", later.After, failure.after)
				}
				if took := time.Since(began); took > 4*time.Second {
					t.Errorf("it took %v", took)
				}
			})
		}
	}
}

// differs: where credentials are asked for before any token, an odd answer is
// one about these. A token that long is no header that a server accepts.
var differs = map[[2]string]string{
	{"aws container", "empty"}: "no-id-token", {"aws container", "HTML"}: "no-id-token",
	{"aws container", "no token"}: "no-id-token", {"aws container", "very long"}: "no-id-token",
	{"aws machine", "empty"}: "no-id-token", {"aws machine", "HTML"}: "no-id-token",
	{"aws machine", "no token"}: "no-id-token", {"aws machine", "very long"}: "id-token-refused",
}

func TestSources_followNoRedirect(t *testing.T) {
	for _, r := range recipes {
		if r.open == nil || r.name == "tailscaled" {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			p := newPlatform(t)
			r.open(p, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
				if req.URL.Path == "/elsewhere" {
					t.Errorf("the redirect was followed, with %v", req.Header)
				}
				http.Redirect(w, req, "/elsewhere", http.StatusTemporaryRedirect)
			}))
			_, err := get(t.Context(), t, p.env(), p.wish, wanted)
			wantProblem(t, err, "id-token-refused", false)
		})
	}
}

// Azure's metadata service comes back from these.
func TestAzure_waitsForItsMetadataService(t *testing.T) {
	for status, least := range map[int]time.Duration{404: 2 * time.Second, 410: 17500 * time.Millisecond} {
		p := newPlatform(t)
		recipeOf("azure machine").open(p, answering(status, "", nil))
		_, err := get(t.Context(), t, p.env(), p.wish, wanted)
		wantProblem(t, err, "not-answering", true)
		if later, ok := errors.AsType[*retry.Later](err); !ok || later.After < least {
			t.Errorf("%d: to wait %v, want %v", status, later, least)
		}
	}
}

// A metadata service, or what a socket leads to, is never asked by a proxy.
func TestSources_keepWhatIsLocalFromAProxy(t *testing.T) {
	proxied := func(*http.Request) (*http.Response, error) { return nil, errors.New("by the proxy") }
	for _, name := range []string{"google", "azure app", "azure machine", "fly", "kubernetes by request", "spiffe", "tailscaled", "url: bare", "url: over a socket"} {
		p := newPlatform(t)
		audience := recipeOf(name).run(p)
		source, err := idtoken.Choose(p.env(), p.wish)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := source.Get(t.Context(), p.env(), &http.Client{Transport: roundTrip(proxied)}, audience); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A token that others made for somebody else, or long ago, goes nowhere: it is
// found out before anything is done, and again when it is fetched.
func TestSources_compareTheAudienceOfATokenThatTheyDidNotAskFor(t *testing.T) {
	for _, r := range recipes {
		p := newPlatform(t)
		r.run(p)
		source, err := idtoken.Choose(p.env(), p.wish)
		if err != nil || source.Audience == idtoken.Requested || r.name == "kubernetes by request" {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			p := newPlatform(t)
			r.run(p)
			_, err := source.Get(t.Context(), p.env(), &http.Client{}, "https://other.example")
			wantProblem(t, err, "audience-mismatch", false)
			has := diag.As(err).Facts[1].Value
			wantText(t, err, "https://other.example", has)
			if hint := diag.As(err).Hint; source.Audience == idtoken.Fixed && !strings.Contains(hint, "audience: "+has) ||
				source.Audience == idtoken.Configured && !strings.Contains(hint, "https://other.example") {
				t.Errorf("the hint does not say what to change:\n%s", hint)
			}
			if r.place != nil && r.name != "command:" && r.name != "command: of JSON" {
				wantProblem(t, source.Ready(p.env(), "https://other.example"), "audience-mismatch", false)
			}
		})
	}
}

// The clocks may differ by 30 seconds.
func TestSources_refuseATokenThatHasExpired(t *testing.T) {
	for _, r := range recipes {
		p := newPlatform(t)
		audience := r.run(p)
		source, err := idtoken.Choose(p.env(), p.wish)
		if err != nil || source.Audience == idtoken.Requested || r.place == nil {
			continue
		}
		t.Run(r.name, func(t *testing.T) {
			p := newPlatform(t)
			for age, want := range map[time.Duration]string{20 * time.Second: "", 40 * time.Second: "id-token-expired"} {
				r.place(p, sign(t, jwt.MapClaims{"aud": audience, "exp": time.Now().Add(-age).Unix()}))
				source, err := idtoken.Choose(p.env(), p.wish)
				if err != nil {
					t.Fatal(err)
				}
				_, err = source.Get(t.Context(), p.env(), &http.Client{}, audience)
				if want != "" {
					wantProblem(t, err, want, false)
				} else if err != nil {
					t.Errorf("expired %v ago: %v", age, err)
				}
			}
		})
	}
}

// absent are sources whose environment speaks of them and lacks what they need,
// and the word that tells the reader what to change.
var absent = map[string]struct {
	vars map[string]string
	word string
}{
	"github":       {map[string]string{"GITHUB_ACTIONS": "true"}, "id-token: write"},
	"forgejo":      {map[string]string{"GITHUB_ACTIONS": "true", "FORGEJO_ACTIONS": "true", "GITEA_ACTIONS": "true"}, "enable-openid-connect: true"},
	"gitea":        {map[string]string{"GITHUB_ACTIONS": "true", "GITEA_ACTIONS": "true"}, "no release of Gitea gives ID tokens"},
	"gitlab":       {map[string]string{"GITLAB_CI": "true"}, "id_tokens:\n    TS_ID_TOKEN:\n      aud:"},
	"buildkite":    {map[string]string{"BUILDKITE": "true", "BUILDKITE_JOB_ID": "1"}, "mount-buildkite-agent: true"},
	"circleci":     {map[string]string{"CIRCLECI": "true", "PATH": "/nowhere"}, "CIRCLE_OIDC_TOKEN_V2"},
	"azure-devops": {map[string]string{"TF_BUILD": "True"}, "SYSTEM_ACCESSTOKEN: $(System.AccessToken)"},
	"bitbucket":    {map[string]string{"BITBUCKET_BUILD_NUMBER": "1"}, "oidc:\n    audiences:"},
	"semaphore":    {map[string]string{"SEMAPHORE": "true"}, "OpenID Connect"},
	"codefresh":    {map[string]string{"CF_BUILD_ID": "1"}, "OIDC"},
	"spacelift":    {map[string]string{"TF_VAR_spacelift_run_id": "1"}, "paid account"},
	"vercel":       {map[string]string{"VERCEL": "1"}, "OIDC federation"},
	"jenkins":      {map[string]string{"JENKINS_URL": "https://ci"}, "id-token-source: env:TS_ID_TOKEN"},
	"nomad":        {map[string]string{"NOMAD_ALLOC_ID": "1"}, "identity {"},
	"namespace":    {map[string]string{"NSC_TOKEN_FILE": "/nowhere"}, "/var/run/nsc/token.json"},
	"fly":          {map[string]string{"FLY_MACHINE_ID": "1"}, "/.fly"},
	"aks":          {map[string]string{"AZURE_FEDERATED_TOKEN_FILE": "/nowhere"}, "azure.workload.identity/use"},
	"azure":        {map[string]string{"IDENTITY_ENDPOINT": "https://x", "IDENTITY_HEADER": "x", "IDENTITY_SERVER_THUMBPRINT": "x"}, "file:PATH"},
	"aws":          {map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://credentials.example"}, "AWS_CONTAINER_CREDENTIALS_FULL_URI"},
	"kubernetes":   {map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "serviceAccountToken:"},
	"spiffe":       {map[string]string{"SPIFFE_ENDPOINT_SOCKET": "/run/agent.sock"}, "unix:///run/spire/agent.sock"},
}

func TestCheck_ofADetectedSource_saysWhatToChange(t *testing.T) {
	for name, c := range absent {
		t.Run(name, func(t *testing.T) {
			p := newPlatform(t)
			p.vars = c.vars
			source, err := idtoken.Choose(p.env(), p.wish)
			if err != nil || source.Name != name {
				t.Fatalf("source %s, error %v", source.Name, err)
			}
			err = source.Check(p.env())
			wantProblem(t, err, "no-id-token", false)
			wantText(t, err, c.word, "source")
		})
	}
}

func TestCheck_ofAChosenSourceThatIsNotThere_saysSo(t *testing.T) {
	for source, word := range map[string]string{
		"terraform": "TFC_WORKLOAD_IDENTITY_AUDIENCE_TAILSCALE", "tailscaled": "TS_SOCKET", "gitlab": "id_tokens", "namespace": "NSC_TOKEN_FILE", "sts": "sts-url: https://",
		"env:NOT_THERE": "NOT_THERE", "file:/nowhere/token": "/nowhere/token", "command:no-such-program x": "no-such-program",
	} {
		p := newPlatform(t)
		p.wish.Source = source
		p.set("TS_SOCKET", "/nowhere/tailscaled.sock")
		err := checked(t, p.env(), p.wish)
		wantProblem(t, err, "no-id-token", false)
		wantText(t, err, word)
	}
}

func TestChoose_takesCIBeforeTheCloudItRunsOn(t *testing.T) {
	clouds := map[string]string{
		"K_SERVICE": "x", "KUBERNETES_SERVICE_HOST": "10.0.0.1", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "/x",
		"AZURE_FEDERATED_TOKEN_FILE": "/x", "SPIFFE_ENDPOINT_SOCKET": "unix:///x", "NSC_TOKEN_FILE": "/x",
	}
	for marker, want := range map[string]string{
		"GITHUB_ACTIONS": "github", "GITLAB_CI": "gitlab", "BUILDKITE": "buildkite", "CIRCLECI": "circleci", "TF_BUILD": "azure-devops",
		"BITBUCKET_BUILD_NUMBER": "bitbucket", "JENKINS_URL": "jenkins", "NOMAD_ALLOC_ID": "nomad",
	} {
		source, err := idtoken.Choose(func(name string) string {
			if name == marker {
				return "true"
			}
			return clouds[name]
		}, idtoken.Wish{})
		if err != nil || source.Name != want {
			t.Errorf("%s: source %s, error %v; want %s", marker, source.Name, err, want)
		}
	}
}

// Access keys of AWS are mostly for a deployment, not the job's own identity.
func TestChoose_doesNotTakeAccessKeysForAnIdentity(t *testing.T) {
	p := newPlatform(t)
	p.set(awsKeys...)
	_, err := idtoken.Choose(p.env(), p.wish)
	wantProblem(t, err, "no-id-token", false)
}

func wantText(t *testing.T, err error, words ...string) {
	t.Helper()
	text := strings.ReplaceAll(diag.As(err).Text(), "\n       ", "\n")
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%q is not in\n%s", word, text)
		}
	}
}

// wantHang fails the test unless a source that hangs is left at its deadline.
func wantHang(t *testing.T, p *platform) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := get(ctx, t, p.env(), p.wish, wanted)
	wantProblem(t, err, "not-answering", true)
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("it took %v", took)
	}
}
