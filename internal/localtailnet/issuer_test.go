package localtailnet

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
)

// askToken does what a job does: GET, with the audience added to the URL.
func askToken(t *testing.T, address, bearer string) (status int, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

func TestIssuer_givesAJobItsToken(t *testing.T) {
	issuer := listen(t)
	status, body := askToken(t, issuer.RequestURL()+"&audience="+testAudience, issuer.RequestToken)
	if status != http.StatusOK {
		t.Fatalf("got status %d: %s", status, body)
	}
	var answer struct {
		Count int
		Value string
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		t.Fatal(err)
	}
	if answer.Count != len(answer.Value) {
		t.Errorf("got count %d, want %d, the length of the token", answer.Count, len(answer.Value))
	}
	if err := trusting(issuer).Verify(t.Context(), nil, answer.Value, time.Now()); err != nil {
		t.Error(err)
	}
}

func TestIssuer_refusesAWrongBearer(t *testing.T) {
	issuer := listen(t)
	for _, bearer := range []string{"", "wrong", issuer.RequestToken + "x"} {
		if got, _ := askToken(t, issuer.RequestURL(), bearer); got != http.StatusUnauthorized {
			t.Errorf("bearer %q: got status %d, want 401", bearer, got)
		}
	}
}

func TestIssuer_audienceOfNobodyIsTheOwner(t *testing.T) {
	issuer := listen(t)
	token, err := issuer.Mint("", nil)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	if got, want := claims["aud"], "https://github.com/acme"; got != want {
		t.Errorf("got audience %v, want %v", got, want)
	}
}

func TestMint_overrides(t *testing.T) {
	issuer := listen(t)
	token, err := issuer.Mint("a", map[string]any{"ref": "refs/tags/v1", "sha": nil, "extra": true})
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(token, claims); err != nil {
		t.Fatal(err)
	}
	got := map[string]any{"ref": claims["ref"], "sha": claims["sha"], "extra": claims["extra"]}
	want := map[string]any{"ref": "refs/tags/v1", "sha": nil, "extra": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("claims (-want +got):\n%s", diff)
	}
	if _, ok := claims["sha"]; ok {
		t.Error("sha is still there")
	}
}

// go-jose is the oracle: another implementation reads the keys and the tokens.
func TestIssuer_isUnderstoodByGoJOSE(t *testing.T) {
	issuer := listen(t)
	_, body := askToken(t, issuer.url+"/.well-known/jwks", "")
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(body, &keys); err != nil {
		t.Fatal(err)
	}
	for _, method := range []jwt.SigningMethod{jwt.SigningMethodRS256, jwt.SigningMethodES256, jwt.SigningMethodES384} {
		token := mustForge(t, issuer, Forgery{Audience: testAudience, Method: method})
		parsed, err := josejwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.SignatureAlgorithm(method.Alg())})
		if err != nil {
			t.Fatal(err)
		}
		var claims josejwt.Claims
		if err := parsed.Claims(keys, &claims); err != nil {
			t.Fatalf("%s: %v", method.Alg(), err)
		}
		want := josejwt.Expected{Issuer: issuer.url, Subject: Job{}.Subject(), AnyAudience: josejwt.Audience{testAudience}}
		if err := claims.Validate(want); err != nil {
			t.Errorf("%s: %v", method.Alg(), err)
		}
	}
}

func TestJob_subjects(t *testing.T) {
	tests := []struct {
		job  Job
		want string
	}{
		{Job{}, "repo:acme/web:ref:refs/heads/main"},
		{Job{Immutable: true}, "repo:acme@1001/web@2002:ref:refs/heads/main"},
		{Job{Ref: "refs/tags/v1"}, "repo:acme/web:ref:refs/tags/v1"},
		{Job{Event: "pull_request"}, "repo:acme/web:pull_request"},
		{Job{Event: "pull_request", Immutable: true}, "repo:acme@1001/web@2002:pull_request"},
		{Job{Environment: "production", Event: "pull_request"}, "repo:acme/web:environment:production"},
		{Job{Environment: "eu:prod", Immutable: true}, "repo:acme@1001/web@2002:environment:eu%3Aprod"},
		{Job{Owner: "o", Repo: "r", OwnerID: 1, RepoID: 2, Immutable: true}, "repo:o@1/r@2:ref:refs/heads/main"},
	}
	for _, tt := range tests {
		if got := tt.job.Subject(); got != tt.want {
			t.Errorf("%+v: got %q, want %q", tt.job, got, tt.want)
		}
	}
}
