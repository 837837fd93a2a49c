package trust_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/trust"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

func TestWish_refusesWhatNoCredentialCanBe(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*trust.Wish)
		want   string
	}{
		"no name":               {func(w *trust.Wish) { w.Name = "" }, `called ""`},
		"an odd name":           {func(w *trust.Wish) { w.Name = "acme/web" }, `called "acme/web"`},
		"a long name":           {func(w *trust.Wish) { w.Name = strings.Repeat("x", 51) }, "at most 50"},
		"a name with a space":   {func(w *trust.Wish) { w.Name = " web" }, `called " web"`},
		"no scope":              {func(w *trust.Wish) { w.Scopes = nil }, "without scopes"},
		"an odd scope":          {func(w *trust.Wish) { w.Scopes = []string{"Auth Keys"} }, `"Auth Keys" is not a scope`},
		"no tags":               {func(w *trust.Wish) { w.Tags = nil }, "tags are missing"},
		"no tags, old scope":    {func(w *trust.Wish) { w.Tags, w.Scopes = nil, []string{"devices"} }, "the scope devices"},
		"no tag":                {func(w *trust.Wish) { w.Tags = []string{"c_i"} }, `"c_i" is not a tag`},
		"no issuer":             {func(w *trust.Wish) { w.Issuer = "" }, `issuer cannot be ""`},
		"a plain issuer":        {func(w *trust.Wish) { w.Issuer = "http://a.example" }, "issuer cannot be"},
		"an issuer with a user": {func(w *trust.Wish) { w.Issuer = "https://me@a.example" }, "issuer cannot be"},
		"an issuer with query":  {func(w *trust.Wish) { w.Issuer = "https://a.example?b" }, "issuer cannot be"},
		"no subject":            {func(w *trust.Wish) { w.Subject = "" }, "subject is missing"},
		"everybody":             {func(w *trust.Wish) { w.Subject = "*" }, "would let in everybody"},
		"a line end":            {func(w *trust.Wish) { w.Subject = "a\n::warning::b" }, "control characters"},
		"a line end in a claim": {func(w *trust.Wish) { w.Claims = []string{"a=b\r"} }, "control characters"},
		"no rule":               {func(w *trust.Wish) { w.Claims = []string{"ref"} }, `"ref" is not NAME=PATTERN`},
		"an odd claim":          {func(w *trust.Wish) { w.Claims = []string{"a..b=c"} }, `no claim "a..b"`},
		"the subject as claim":  {func(w *trust.Wish) { w.Claims = []string{"sub=c"} }, "--subject"},
		"the audience, quoted":  {func(w *trust.Wish) { w.Claims = []string{`"aud"=c`} }, "--audience"},
		"a claim of CircleCI's": {func(w *trust.Wish) { w.Claims = []string{"oidc.circleci.com/job-id=c"} }, `the claim "oidc.circleci.com/job-id" has dots`},
		"a claim twice":         {func(w *trust.Wish) { w.Claims = []string{"a=b", "a=c"} }, "two rules"},
		"a client with issuer":  {func(w *trust.Wish) { w.Kind = tsapi.OAuthClient }, "takes no tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			w := trust.Wish{Name: "web", Scopes: []string{"auth_keys"}, Tags: []string{"tag:ci"}, Issuer: "https://a.example", Subject: "s"}
			c.change(&w)
			_, err := w.Credential()
			p := wantCode(t, err, "input-invalid")
			if text := p.Text(); !strings.Contains(text, c.want) {
				t.Errorf("it says:\n%s\nwant %s", text, c.want)
			}
		})
	}
}

// What is refused here for the form of its claims, the API refuses; and what is
// taken here it takes.
func TestWish_takesTheClaimsThatTheAPITakes(t *testing.T) {
	w := open(t, "all")
	r := random{rand.New(rand.NewPCG(1, 2))}
	refused := 0
	for range 300 {
		path, _ := r.claim(map[string]any{})
		wish := w.web()
		wish.Claims = []string{path + "=x"}
		_, ours := wish.Credential()
		c := mustBe(t, w.web())
		c.Claims = map[string]string{path: "x"}
		_, _, theirs := w.Asked.API.CreateCredential(t.Context(), w.Token, c)
		if answer, ok := errors.AsType[*tsapi.Error](theirs); theirs != nil && (!ok || answer.Status != 400) {
			t.Fatal(theirs)
		}
		if (ours == nil) != (theirs == nil) {
			t.Errorf("%s: %v, the API: %v", path, ours, theirs)
		}
		if ours != nil {
			refused++
			if p := diag.As(ours); p.Code != "input-invalid" {
				t.Errorf("%s: %v", path, ours)
			}
		}
	}
	if refused < 30 || refused > 270 {
		t.Errorf("%d of 300 were refused: no test", refused)
	}
}

// Tailscale grants policy_file only together with two other scopes.
func TestWish_addsTheCompanionsOfAScope(t *testing.T) {
	c := mustBe(t, trust.Wish{Name: "policy", Scopes: []string{"policy_file"}, Issuer: "https://a.example", Subject: "s"})
	want := []string{"devices:core:read", "devices:posture_attributes", "policy_file"}
	if !slices.Equal(c.Scopes, want) {
		t.Errorf("scopes %v, want %v", c.Scopes, want)
	}
}
