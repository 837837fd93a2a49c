package idtoken_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/retry"
)

// job is the environment of a GitHub job whose token service is h.
func job(t *testing.T, h http.HandlerFunc) idtoken.Env {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return env(map[string]string{
		"GITHUB_ACTIONS":                 "true",
		"ACTIONS_ID_TOKEN_REQUEST_URL":   server.URL + "/token?api-version=2.0",
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-token",
	})
}

func env(vars map[string]string) idtoken.Env {
	return func(name string) string { return vars[name] }
}

func get(t *testing.T, env idtoken.Env, audience string) (idtoken.Token, error) {
	t.Helper()
	source, err := idtoken.Detect(env)
	if err != nil {
		t.Fatal(err)
	}
	return source.Get(t.Context(), env, http.DefaultClient, audience)
}

func sign(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("nobody verifies here"))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestGet_asksForTheAudienceAndReadsTheClaims(t *testing.T) {
	token, err := get(t, job(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("audience") != "api.tailscale.com/T1-CNTRL" || r.URL.Query().Get("api-version") != "2.0" ||
			r.Header.Get("Authorization") != "Bearer request-token" {
			t.Errorf("asked %s with %v", r.URL, r.Header)
		}
		jwt := sign(t, jwt.MapClaims{"iss": "https://issuer.example", "sub": "repo:a/b:ref:refs/heads/main", "aud": "api.tailscale.com/T1-CNTRL", "run_id": "7"})
		w.Write([]byte(`{"value":"` + jwt + `"}`))
	}), "api.tailscale.com/T1-CNTRL")
	if err != nil {
		t.Fatal(err)
	}
	c := token.Claims
	if c.Issuer != "https://issuer.example" || c.Subject != "repo:a/b:ref:refs/heads/main" || c.Text("run_id") != "7" || c.Text("none") != "" || !c.IsFor("api.tailscale.com/T1-CNTRL") {
		t.Errorf("claims %+v", c)
	}
}

func TestGet_refusesWhatIsNoToken(t *testing.T) {
	for _, answer := range []string{`{"value":""}`, `{}`, `{"value":"secret-but-no-jwt"}`, `{"value":"a.b.c"}`} {
		_, err := get(t, job(t, func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte(answer)) }), "aud")
		if err == nil || !strings.Contains(err.Error(), "no ID token") || strings.Contains(err.Error(), "secret") {
			t.Errorf("answer %s: error %v", answer, err)
		}
	}
}

func TestGet_marksWhatMayChangeAndShowsNoBody(t *testing.T) {
	for status, want := range map[int]bool{401: false, 403: false, 429: true, 503: true} {
		_, err := get(t, job(t, func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Write([]byte("body-of-the-answer"))
		}), "aud")
		if err == nil || strings.Contains(err.Error(), "body-of-the-answer") {
			t.Errorf("%d: error %v", status, err)
		}
		if _, again := errors.AsType[*retry.Later](err); again != want {
			t.Errorf("%d: to try again = %v, want %v", status, again, want)
		}
	}
}

func TestCheck_tellsAMissingPermissionFromAFork(t *testing.T) {
	for _, c := range []struct {
		name string
		vars map[string]string
		want string
	}{
		{"permission", map[string]string{"GITHUB_ACTIONS": "true"}, "id-token: write"},
		{"pull request of the same repository", map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": pullRequestFrom(t, "acme/web")}, "id-token: write"},
		{"fork", map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": pullRequestFrom(t, "mallory/web")}, "full_name == github.repository"},
		{"forgejo", map[string]string{"GITHUB_ACTIONS": "true", "FORGEJO_ACTIONS": "true"}, "enable-openid-connect"},
	} {
		_, err := get(t, env(c.vars), "aud")
		if p := diag.As(err); p.Code != "no-id-token" || !strings.Contains(p.Hint, c.want) {
			t.Errorf("%s: code %s, hint %q; want no-id-token, %q", c.name, p.Code, p.Hint, c.want)
		}
	}
}

func TestDetect_outsideAnyCI(t *testing.T) {
	_, err := idtoken.Detect(env(nil))
	if d := cmp.Diff("no-id-token", diag.As(err).Code); d != "" {
		t.Error(d)
	}
}
