package github_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/github"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/secret"
)

const marker = "<!-- tailjoin policy - policy.hujson -->"

var (
	somebody = localtailnet.GitHubUser{Login: "mallory", ID: 7, Type: "User"}
	octocat  = localtailnet.GitHubUser{Login: "octocat", ID: 1, Type: "User"}
)

// openPull is acme/web with the pull request 5.
func openPull(t *testing.T) (*localtailnet.GitHub, *github.Client) {
	t.Helper()
	g, c := open(t)
	g.AddPull("acme/web", 5)
	return g, c
}

func wantComments(t *testing.T, g *localtailnet.GitHub, want ...string) {
	t.Helper()
	var got []string
	for _, c := range g.Comments("acme/web", 5) {
		got = append(got, c.User.Login+": "+c.Body)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("comments (-want +got):\n%s", d)
	}
}

func TestSetComment_isMadeOnceAndThenEdited(t *testing.T) {
	for name, who := range map[string]localtailnet.GitHubUser{"a job's token": localtailnet.JobsBot, "a person's token": octocat} {
		t.Run(name, func(t *testing.T) {
			g, c := openPull(t)
			g.SetUser(who)
			g.AddComment("acme/web", 5, somebody, "looks good")
			for _, body := range []string{"one", "two", "two", "three"} {
				if err := c.SetComment(t.Context(), repo(t, ""), 5, marker, body, false); err != nil {
					t.Fatal(err)
				}
			}
			wantComments(t, g, "mallory: looks good", who.Login+": "+marker+"\nthree")
			edits := 0
			for _, asked := range g.Asked() {
				if strings.HasPrefix(asked, "PATCH ") {
					edits++
				}
			}
			if edits != 2 {
				t.Errorf("edited %d times, want twice: the same again is no edit", edits)
			}
		})
	}
}

// Two policies of a repository have a comment each.
func TestSetComment_keepsThoseOfOthersApart(t *testing.T) {
	g, c := openPull(t)
	const other = "<!-- tailjoin policy - prod/policy.hujson -->"
	for _, m := range []string{marker, other, marker} {
		if err := c.SetComment(t.Context(), repo(t, ""), 5, m, "text", false); err != nil {
			t.Fatal(err)
		}
	}
	bot := localtailnet.JobsBot.Login
	wantComments(t, g, bot+": "+marker+"\ntext", bot+": "+other+"\ntext")
}

var (
	renovate = localtailnet.GitHubUser{Login: "renovate[bot]", ID: 29139614, Type: "Bot"}
	ourApp   = localtailnet.GitHubUser{Login: "acme-policy[bot]", ID: 9, Type: "Bot"}
)

// A job's token may change the comments of other bots, which write what others
// tell them to.
func TestSetComment_trustsNoCommentOfAnotherBot(t *testing.T) {
	for _, who := range []localtailnet.GitHubUser{localtailnet.JobsBot, ourApp} {
		t.Run(who.Login, func(t *testing.T) {
			g, c := openPull(t)
			g.SetUser(who)
			for _, other := range []localtailnet.GitHubUser{renovate, {Login: strings.TrimSuffix(who.Login, "[bot]"), ID: 8, Type: "User"}} {
				g.AddComment("acme/web", 5, other, marker+"\nno one loses anything")
			}
			for _, body := range []string{"ours", "ours, anew"} {
				if err := c.SetComment(t.Context(), repo(t, ""), 5, marker, body, false); err != nil {
					t.Fatal(err)
				}
			}
			wantComments(t, g, "renovate[bot]: "+marker+"\nno one loses anything", strings.TrimSuffix(who.Login, "[bot]")+": "+marker+"\nno one loses anything",
				who.Login+": "+marker+"\nours, anew")
		})
	}
}

// An Enterprise Server has its REST API at /api/v3, and GraphQL beside it.
func TestSetComment_ofAnEnterpriseServersApp_editsItsComment(t *testing.T) {
	g := localtailnet.NewGitHub()
	g.AddRepository("acme/web", 2002)
	g.AddPull("acme/web", 5)
	g.SetUser(ourApp)
	mux := http.NewServeMux()
	mux.Handle("/api/v3/", http.StripPrefix("/api/v3", g))
	mux.Handle("/api/graphql", g)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c, err := github.New(github.Options{Token: secret.New(g.Token), BaseURL: server.URL + "/api/v3"})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range []string{"ours", "ours, anew"} {
		if err := c.SetComment(t.Context(), repo(t, ""), 5, marker, body, false); err != nil {
			t.Fatal(err)
		}
	}
	wantComments(t, g, ourApp.Login+": "+marker+"\nours, anew")
}

// Of a server without GraphQL only the job's own token is known.
func TestSetComment_withoutGraphQL_editsTheCommentOfTheJob(t *testing.T) {
	g := localtailnet.NewGitHub()
	g.AddRepository("acme/web", 2002)
	g.AddPull("acme/web", 5)
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "graphql") {
			http.NotFound(w, r)
			return
		}
		g.ServeHTTP(w, r)
	}), g.Token)
	g.AddComment("acme/web", 5, renovate, marker+"\nno one loses anything")
	for _, body := range []string{"ours", "ours, anew"} {
		if err := c.SetComment(t.Context(), repo(t, ""), 5, marker, body, false); err != nil {
			t.Fatal(err)
		}
	}
	wantComments(t, g, "renovate[bot]: "+marker+"\nno one loses anything", localtailnet.JobsBot.Login+": "+marker+"\nours, anew")
}

// Whoever wrote the marker first could change the comment after us.
func TestSetComment_trustsNoCommentOfSomebodyElse(t *testing.T) {
	for name, who := range map[string]localtailnet.GitHubUser{"a job's token": localtailnet.JobsBot, "a person's token": octocat} {
		t.Run(name, func(t *testing.T) {
			g, c := openPull(t)
			g.SetUser(who)
			g.AddComment("acme/web", 5, somebody, marker+"\nnobody loses anything")
			if err := c.SetComment(t.Context(), repo(t, ""), 5, marker, "ours", false); err != nil {
				t.Fatal(err)
			}
			wantComments(t, g, "mallory: "+marker+"\nnobody loses anything", who.Login+": "+marker+"\nours")
		})
	}
}

func TestSetComment_editsNoCommentThatQuotesTheMarker(t *testing.T) {
	g, c := openPull(t)
	g.SetUser(octocat)
	g.AddComment("acme/web", 5, octocat, "see "+marker)
	if err := c.SetComment(t.Context(), repo(t, ""), 5, marker, "ours", false); err != nil {
		t.Fatal(err)
	}
	wantComments(t, g, "octocat: see "+marker, "octocat: "+marker+"\nours")
}

func TestSetComment_onlyIfThereIsOne(t *testing.T) {
	g, c := openPull(t)
	if err := c.SetComment(t.Context(), repo(t, ""), 5, marker, "nothing to say", true); err != nil {
		t.Fatal(err)
	}
	wantComments(t, g)
	for _, only := range []bool{false, true} {
		if err := c.SetComment(t.Context(), repo(t, ""), 5, marker, fmt.Sprint(only), only); err != nil {
			t.Fatal(err)
		}
	}
	wantComments(t, g, localtailnet.JobsBot.Login+": "+marker+"\ntrue")
}

func TestSetComment_findsItAmongHundreds(t *testing.T) {
	g, c := openPull(t)
	for i := range 230 {
		g.AddComment("acme/web", 5, somebody, fmt.Sprint(i))
	}
	for _, body := range []string{"one", "two"} {
		if err := c.SetComment(t.Context(), repo(t, ""), 5, marker, body, false); err != nil {
			t.Fatal(err)
		}
	}
	if all := g.Comments("acme/web", 5); len(all) != 231 || all[230].Body != marker+"\ntwo" {
		t.Errorf("there are %d comments, the last one %q", len(all), all[len(all)-1].Body)
	}
}

func TestSetComment_ofAForkIsRefusedOnce(t *testing.T) {
	g, c := openPull(t)
	g.ReadOnly(true)
	err := c.SetComment(t.Context(), repo(t, ""), 5, marker, "text", false)
	wantCode(t, err, "github-refused")
	if !github.IsStatus(err, http.StatusForbidden) {
		t.Errorf("error %v, want a 403 in it", err)
	}
	wantComments(t, g)
	if asked := g.Asked(); len(asked) != 4 { // who, which app, list, create
		t.Errorf("asked %v", asked)
	}
}

func TestSetComment_onWhatIsNotThere(t *testing.T) {
	_, c := openPull(t)
	err := c.SetComment(t.Context(), repo(t, ""), 6, marker, "text", false)
	wantCode(t, err, "github-not-found")
}

// GitHub made the comment, and its answer was lost: a second one is not made.
func TestSetComment_afterALostAnswer(t *testing.T) {
	g, _ := openPull(t)
	var lost atomic.Bool
	c := client(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || lost.Swap(true) {
			g.ServeHTTP(w, r)
			return
		}
		g.ServeHTTP(discard{http.Header{}}, r)
		w.WriteHeader(http.StatusBadGateway)
	}), g.Token)
	if err := c.SetComment(t.Context(), repo(t, ""), 5, marker, "text", false); err != nil {
		t.Fatal(err)
	}
	wantComments(t, g, localtailnet.JobsBot.Login+": "+marker+"\ntext")
}

// discard takes an answer that nobody gets.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}
