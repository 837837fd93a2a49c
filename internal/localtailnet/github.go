package localtailnet

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A GitHub stands in for GitHub's REST API: what tailjoin asks of it, answered
// and refused as its documentation says, for callers that show Token. It is an
// http.Handler, and as strict with paths and bodies as the real one.
type GitHub struct {
	Token string // random
	mux   *http.ServeMux

	mu        sync.Mutex
	places    map[string]*githubPlace // by path: orgs/acme, repos/acme/web, repos/acme/web/environments/production
	denied    string                  // the permission that Token lacks; "" for none
	remaining int                     // requests until the limit; below zero there is none
	blocked   time.Duration           // the secondary limit
	asked     []string                // METHOD path?query, in order

	user        GitHubUser // whose Token is
	readOnly    bool
	lastComment int64
}

// A githubPlace is an organisation, a repository or an environment.
type githubPlace struct {
	id        int64
	variables []githubVariable // by name
	branch    string           // the default one; "" is main
	subject   *GitHubSubject   // nil: nobody set one

	pulls map[int][]GitHubComment // by number
}

// ownerID is that of every owner, and of Job{}'s.
const ownerID = 1001

// NewGitHub knows of no organisation and no repository.
func NewGitHub() *GitHub {
	g := &GitHub{Token: "github_pat_" + rand.Text(), mux: http.NewServeMux(), places: map[string]*githubPlace{}, remaining: -1, user: JobsBot}
	g.mountVariables()
	g.mountComments()
	g.mountSubjects()
	g.mux.HandleFunc("GET /repos/{owner}/{repo}", g.serveRepository)
	g.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { notFoundAtGitHub(w) })
	return g
}

// AddOrg, AddRepository and AddEnvironment make a place for variables.
func (g *GitHub) AddOrg(org string) { g.add("orgs/"+org, 0) }

func (g *GitHub) AddRepository(name string, id int64) { g.add("repos/"+name, id) }

func (g *GitHub) AddEnvironment(repository, environment string) {
	g.add("repos/"+repository+"/environments/"+environment, 0)
}

func (g *GitHub) add(path string, id int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.places[path] = &githubPlace{id: id}
}

// Deny has every request refused for want of a permission; "" ends that.
func (g *GitHub) Deny(permission string) { g.set(func() { g.denied = permission }) }

// Limit lets so many more requests through, for an hour.
func (g *GitHub) Limit(remaining int) { g.set(func() { g.remaining = remaining }) }

// Block has every request refused by the secondary limit; zero ends that.
func (g *GitHub) Block(retryAfter time.Duration) { g.set(func() { g.blocked = retryAfter }) }

func (g *GitHub) set(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
}

// Asked are the requests so far, as "PATCH /repos/acme/web/…", and forgets them.
func (g *GitHub) Asked() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked := g.asked
	g.asked = nil
	return asked
}

func (g *GitHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.asked = append(g.asked, r.Method+" "+r.URL.RequestURI())
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if g.admits(w, r) {
		g.mux.ServeHTTP(w, r)
	}
}

// admits answers what no endpoint needs to see.
func (g *GitHub) admits(w http.ResponseWriter, r *http.Request) bool {
	switch {
	case r.Header.Get("Authorization") != "Bearer "+g.Token:
		refuseAtGitHub(w, http.StatusUnauthorized, "Bad credentials")
	case g.blocked > 0:
		w.Header().Set("Retry-After", strconv.Itoa(int(g.blocked.Seconds())))
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"message":"You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",`+
			`"documentation_url":"https://docs.github.com/rest/overview/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`)
	case g.exhausted(w):
		refuseAtGitHub(w, http.StatusForbidden, "API rate limit exceeded for user ID 1.")
	case g.denied != "":
		w.Header().Set("X-Accepted-GitHub-Permissions", g.denied)
		refuseAtGitHub(w, http.StatusForbidden, "Resource not accessible by personal access token")
	case g.readOnly && r.Method != http.MethodGet:
		w.Header().Set("X-Accepted-GitHub-Permissions", "issues=write; pull_requests=write")
		refuseAtGitHub(w, http.StatusForbidden, "Resource not accessible by integration")
	default:
		return true
	}
	return false
}

// exhausted counts a request, and says so in the answer.
func (g *GitHub) exhausted(w http.ResponseWriter) bool {
	if g.remaining < 0 {
		return false
	}
	left := max(g.remaining-1, 0)
	w.Header().Set("X-RateLimit-Limit", "5000")
	w.Header().Set("X-RateLimit-Remaining", strconv.Itoa(left))
	w.Header().Set("X-RateLimit-Reset", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10))
	over := g.remaining == 0
	g.remaining = left
	return over
}

func refuseAtGitHub(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{
		"message": message, "documentation_url": "https://docs.github.com/rest", "status": strconv.Itoa(status),
	})
}

func notFoundAtGitHub(w http.ResponseWriter) { refuseAtGitHub(w, http.StatusNotFound, "Not Found") }

func (g *GitHub) serveRepository(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("owner") + "/" + r.PathValue("repo")
	place := g.places["repos/"+name]
	if place == nil {
		notFoundAtGitHub(w)
		return
	}
	owner, repo, _ := strings.Cut(name, "/")
	writeJSON(w, http.StatusOK, map[string]any{
		"id": place.id, "name": repo, "full_name": name, "visibility": "private", "default_branch": cmp.Or(place.branch, "main"),
		"created_at": "2026-01-02T03:04:05Z", "owner": map[string]any{"login": owner, "id": ownerID},
	})
}
