package idtoken_test

import (
	"context"
	"encoding/base64"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/retry"
)

// wanted is the audience in most tests.
const wanted = "api.tailscale.com/T1-CNTRL"

func env(vars map[string]string) idtoken.Env {
	return func(name string) string { return vars[name] }
}

// sign makes a token that nobody will verify.
func sign(t *testing.T, claims jwt.MapClaims) string {
	t.Helper()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("nobody verifies here"))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// tokenFor is a token for an audience: a string, or a list.
func tokenFor(t *testing.T, audience any) string {
	t.Helper()
	return sign(t, jwt.MapClaims{"iss": "https://issuer.example", "sub": "somebody", "aud": audience, "exp": time.Now().Add(time.Minute).Unix()})
}

func TestParse_readsTheClaims(t *testing.T) {
	token, err := idtoken.Parse(sign(t, jwt.MapClaims{"iss": "https://issuer.example", "sub": "repo:a/b:ref:refs/heads/main", "aud": []string{"x", wanted}, "run_id": "7"}) + "\n")
	if err != nil {
		t.Fatal(err)
	}
	c := token.Claims
	if c.Issuer != "https://issuer.example" || c.Subject != "repo:a/b:ref:refs/heads/main" || c.Text("run_id") != "7" || c.Text("none") != "" || !c.IsFor(wanted) || c.IsFor("y") {
		t.Errorf("claims %+v", c)
	}
}

func TestParse_saysWhatItSawInsteadOfAToken(t *testing.T) {
	for raw, want := range map[string]string{
		" \n": "empty", "<!DOCTYPE html><p>sign in, a.b.c": "HTML", `{"a":"b"}`: "JSON", "hunter2": "three parts",
		"a.b.c": "not those of a JWT", "eyJ.a.b.c.d": "another kind",
	} {
		_, err := idtoken.Parse(raw)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: error %v, want %q in it", raw, err, want)
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
		{"fork", map[string]string{"GITHUB_ACTIONS": "true", "GITHUB_EVENT_PATH": pullRequestFrom(t, "mallory/web")}, "github.event_name != 'pull_request' || github.event.pull_request.head.repo.full_name == github.repository"},
		{"fork at Forgejo", map[string]string{"GITHUB_ACTIONS": "true", "FORGEJO_ACTIONS": "true", "GITHUB_EVENT_PATH": pullRequestFrom(t, "mallory/web")}, "Forgejo never gives one to forks"},
	} {
		if p := diag.As(checked(t, env(c.vars), idtoken.Wish{})); p.Code != "no-id-token" || !strings.Contains(p.Hint, c.want) {
			t.Errorf("%s: code %s, hint %q; want no-id-token, %q", c.name, p.Code, p.Hint, c.want)
		}
	}
}

// checked chooses a source and checks it.
func checked(t *testing.T, env idtoken.Env, w idtoken.Wish) error {
	t.Helper()
	source, err := idtoken.Choose(env, w)
	if err != nil {
		t.Fatal(err)
	}
	return source.Check(env)
}

// pullRequestFrom is the path of an event: a pull request to acme/web.
func pullRequestFrom(t *testing.T, head string) string {
	t.Helper()
	return written(t, "event.json", `{"pull_request":{"head":{"repo":{"full_name":"`+head+`"}},"base":{"repo":{"full_name":"acme/web"}}}}`)
}

// written is the path of a new file.
func written(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// wantProblem fails the test unless err is this problem, marked so for another
// try, and holds no secret of the recipes.
func wantProblem(t *testing.T, err error, code string, again bool) {
	t.Helper()
	if got := diag.As(err).Code; got != code {
		t.Errorf("code %s, want %s: %v", got, code, err)
	}
	if _, later := errors.AsType[*retry.Later](err); later != again {
		t.Errorf("to try again = %v, want %v: %v", later, again, err)
	}
	if text := diag.As(err).Text(); strings.Contains(text, hush) {
		t.Errorf("a secret is shown:\n%s", text)
	}
}

// hush is in everything that nobody may see.
const hush = "hush-hush"

func get(ctx context.Context, t *testing.T, env idtoken.Env, w idtoken.Wish, audience string) (idtoken.Token, error) {
	t.Helper()
	source, err := idtoken.Choose(env, w)
	if err != nil {
		t.Fatal(err)
	}
	return source.Get(ctx, env, &http.Client{}, audience)
}

func TestChoose_outsideAnyCI(t *testing.T) {
	_, err := idtoken.Choose(env(nil), idtoken.Wish{})
	if d := cmp.Diff("no-id-token", diag.As(err).Code); d != "" {
		t.Error(d)
	}
}

func TestParse_keepsANumberAsTheIssuerWroteIt(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	token, err := idtoken.Parse(encode([]byte(`{"alg":"RS256"}`)) + "." + encode([]byte(`{"exp":1893456000,"id":12345678901234567890,"run":1e3}`)) + ".eA")
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"id": "12345678901234567890", "run": "1e3"} {
		if got := token.Claims.Text(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if got := token.Claims.Expires; got.Unix() != 1893456000 || !got.Equal(token.Claims.Time("exp")) {
		t.Errorf("expires %v", got)
	}
}
