package github_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/github"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// open is a GitHub with acme, acme/web and two of its environments, and a
// client of it.
func open(t *testing.T) (*localtailnet.GitHub, *github.Client) {
	t.Helper()
	g := localtailnet.NewGitHub()
	g.AddOrg("acme")
	g.AddRepository("acme/web", 2002)
	g.AddRepository("acme/api", 2003)
	g.AddEnvironment("acme/web", "eu/production")
	return g, client(t, g, g.Token)
}

func client(t *testing.T, h http.Handler, token string) *github.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c, err := github.New(github.Options{Token: secret.New(token), From: "GH_TOKEN", BaseURL: server.URL, UserAgent: "tailjoin/test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func repo(t *testing.T, environment string) github.Place {
	t.Helper()
	p, err := github.InRepo("acme/web", environment)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantCode(t *testing.T, err error, code string) *diag.Problem {
	t.Helper()
	p := diag.As(err)
	if err == nil || p.Code != code {
		t.Fatalf("code %s, want %s: %v", p.Code, code, err)
	}
	return p
}

func TestSetVariable_createsThenReplaces(t *testing.T) {
	for _, c := range []struct {
		place github.Place
		path  string
	}{
		{repo(t, ""), "repos/acme/web"},
		{repo(t, "eu/production"), "repos/acme/web/environments/eu/production"},
		{github.Place{Org: "acme"}, "orgs/acme"},
	} {
		g, gh := open(t)
		for _, value := range []string{"one", "two"} {
			if err := gh.SetVariable(t.Context(), c.place, github.Variable{Name: "TAILJOIN_SPEC_CORP", Value: value}); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(map[string]string{"TAILJOIN_SPEC_CORP": value}, g.Variables(c.path)); d != "" {
				t.Errorf("%s (-want +got):\n%s", c.path, d)
			}
		}
		if err := gh.RemoveVariable(t.Context(), c.place, "TAILJOIN_SPEC_CORP"); err != nil {
			t.Fatal(err)
		}
		if left := g.Variables(c.path); len(left) > 0 {
			t.Errorf("%s has %v", c.path, left)
		}
		if err := gh.RemoveVariable(t.Context(), c.place, "TAILJOIN_SPEC_CORP"); !github.IsStatus(err, http.StatusNotFound) {
			t.Errorf("removing what is gone: %v", err)
		}
	}
}

func TestSetVariable_ofAnOrganisationIsSeenAsSaid(t *testing.T) {
	g, gh := open(t)
	org := github.Place{Org: "acme"}
	for _, c := range []struct {
		sight      github.Sight
		visibility string
		selected   []int64
	}{
		{github.Sight{}, "private", nil},
		{github.Sight{Visibility: "selected", Repositories: []string{"acme/web", "acme/api"}}, "selected", []int64{2002, 2003}},
		{github.Sight{}, "selected", []int64{2002, 2003}}, // stays
		{github.Sight{Visibility: "all"}, "all", []int64{2002, 2003}},
	} {
		if err := gh.SetVariable(t.Context(), org, github.Variable{Name: "X", Value: "value", Sight: c.sight}); err != nil {
			t.Fatal(err)
		}
		visibility, selected := g.Sight("acme", "X")
		if d := cmp.Diff(c.selected, selected); visibility != c.visibility || d != "" {
			t.Errorf("%+v: visibility %s, selected (-want +got):\n%s", c.sight, visibility, d)
		}
		if g.Variables("orgs/acme")["X"] != "value" {
			t.Errorf("%+v: the value is lost", c.sight)
		}
	}
	err := gh.SetVariable(t.Context(), org, github.Variable{Name: "X", Sight: github.Sight{Visibility: "selected", Repositories: []string{"acme/none"}}})
	wantCode(t, err, "github-not-found")
}

// Somebody creates it between our two requests.
func TestSetVariable_whenSomebodyWasQuicker(t *testing.T) {
	g := localtailnet.NewGitHub()
	g.AddRepository("acme/web", 1)
	gh := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			g.SetVariable("repos/acme/web", "X", "theirs")
		}
		g.ServeHTTP(w, r)
	}), g.Token)
	if err := gh.SetVariable(t.Context(), repo(t, ""), github.Variable{Name: "X", Value: "ours"}); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"X": "ours"}, g.Variables("repos/acme/web")); d != "" {
		t.Error(d)
	}
	base := "/repos/acme/web/actions/variables"
	if d := cmp.Diff([]string{"PATCH " + base + "/X", "POST " + base, "PATCH " + base + "/X"}, g.Asked()); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
}

func TestVariables_readsEveryPage(t *testing.T) {
	g, gh := open(t)
	want := 0
	for i := range 95 {
		name := fmt.Sprintf("OTHER_%02d", i)
		if i%3 == 0 {
			name, want = fmt.Sprintf("TAILJOIN_SPEC_%02d", i), want+1
		}
		g.SetVariable("orgs/acme", name, name)
	}
	got, err := gh.Variables(t.Context(), github.Place{Org: "acme"}, "TAILJOIN_SPEC_")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, v := range got {
		seen[v.Name] = v.Value == v.Name
	}
	if len(got) != want || len(seen) != want || !seen["TAILJOIN_SPEC_93"] {
		t.Errorf("got %d variables, %d names, want %d", len(got), len(seen), want)
	}
	if asked := g.Asked(); len(asked) != 4 {
		t.Errorf("asked %v, want four pages of 30", asked)
	}
}

func TestSetVariable_refusesWhatGitHubWould(t *testing.T) {
	g, gh := open(t)
	long := strings.Repeat("x", github.LongestValue)
	if err := gh.SetVariable(t.Context(), repo(t, ""), github.Variable{Name: "X", Value: long}); err != nil {
		t.Errorf("48 KB: %v", err)
	}
	g.Asked()
	err := gh.SetVariable(t.Context(), repo(t, ""), github.Variable{Name: "X", Value: long + "x"})
	wantCode(t, err, "input-invalid")
	if asked := g.Asked(); len(asked) > 0 {
		t.Errorf("asked %v", asked)
	}
	err = gh.SetVariable(t.Context(), repo(t, ""), github.Variable{Name: "GITHUB_X", Value: "y"})
	if p := wantCode(t, err, "github-refused"); !strings.Contains(p.Text(), "Variable name is invalid") {
		t.Errorf("GitHub's words are not in\n%s", p.Text())
	}
}

func TestClient_explainsRefusals(t *testing.T) {
	list := func(c *github.Client) error {
		_, err := c.Variables(t.Context(), github.Place{Org: "acme"}, "")
		return err
	}
	for name, c := range map[string]struct {
		spoil func(*localtailnet.GitHub)
		code  string
		want  string
	}{
		"permission":      {func(g *localtailnet.GitHub) { g.Deny("organization_actions_variables=read") }, "github-refused", "organization_actions_variables=read"},
		"token":           {func(g *localtailnet.GitHub) { g.Token = "another" }, "github-refused", "make a new one"},
		"rate limit":      {func(g *localtailnet.GitHub) { g.Limit(0) }, "github-rate-limited", "5000 an hour"},
		"secondary limit": {func(g *localtailnet.GitHub) { g.Block(3 * time.Minute) }, "github-rate-limited", "3m0s from now"},
	} {
		t.Run(name, func(t *testing.T) {
			g, gh := open(t)
			c.spoil(g)
			p := wantCode(t, list(gh), c.code)
			if text := p.Text(); !strings.Contains(text, c.want) || !strings.Contains(text, "GH_TOKEN") || strings.Contains(text, "github_pat") {
				t.Errorf("want %q and where the token was found in\n%s", c.want, text)
			}
			if asked := g.Asked(); len(asked) != 1 {
				t.Errorf("asked %v, want once", asked)
			}
		})
	}
}

// GitHub says how many requests are left: the client does not wait to be told
// that there are none.
func TestClient_stopsAtTheRateLimit(t *testing.T) {
	g, gh := open(t)
	g.Limit(1)
	org := github.Place{Org: "acme"}
	if _, err := gh.Variables(t.Context(), org, ""); err != nil {
		t.Fatal(err)
	}
	_, err := gh.Variables(t.Context(), org, "")
	wantCode(t, err, "github-rate-limited")
	if asked := g.Asked(); len(asked) != 1 {
		t.Errorf("asked %v, want once", asked)
	}
}

func TestClient_triesAgainWhatMayPass(t *testing.T) {
	g, _ := open(t)
	var requests atomic.Int32
	gh := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if requests.Add(1) <= 2 {
			w.WriteHeader(http.StatusBadGateway)
			fmt.Fprint(w, "<html>Unicorn!</html>")
			return
		}
		g.ServeHTTP(w, r)
	}), g.Token)
	if _, err := gh.Variables(t.Context(), github.Place{Org: "acme"}, ""); err != nil {
		t.Error(err)
	}
}

func TestClient_saysWhenGitHubKeepsFailing(t *testing.T) {
	gh := client(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }), "t")
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := gh.Variables(ctx, github.Place{Org: "acme"}, "")
	wantCode(t, err, "not-answering")
	if hint := diag.As(err).Hint; !strings.Contains(hint, "its administrator") { // an Enterprise Server has no public status
		t.Errorf("hint %q", hint)
	}
}

// A repository that moved is a redirect. Where it leads, the token does not go
// unless it is the same GitHub.
func TestClient_showsItsTokenToGitHubAlone(t *testing.T) {
	stolen := make(chan string, 1)
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { stolen <- r.Header.Get("Authorization") }))
	defer thief.Close()
	gh := client(t, http.RedirectHandler(thief.URL+"/x", http.StatusTemporaryRedirect), "github_pat_secret")
	gh.Variables(t.Context(), github.Place{Org: "acme"}, "")
	if got := <-stolen; got != "" {
		t.Errorf("another host got %q", got)
	}
}

func TestNew_wantsAToken(t *testing.T) {
	_, err := github.New(github.Options{})
	wantCode(t, err, "input-invalid")
}

func TestPlace_refusesWhatIsNoName(t *testing.T) {
	for _, name := range []string{"", "acme", "acme/", "/web", "acme/web/x", "acme/..", "a b/c", "../x", "acme/web?x"} {
		_, err := github.InRepo(name, "")
		wantCode(t, err, "input-invalid")
	}
	for _, name := range []string{"", "a/b", "..", "a b"} {
		_, err := github.InOrg(name)
		wantCode(t, err, "input-invalid")
	}
}
