package localtailnet

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"
)

// A GitHubUser is who writes a comment.
type GitHubUser struct {
	Login string `json:"login"`
	ID    int64  `json:"id"`
	Type  string `json:"type"` // "User" or "Bot"
}

// JobsBot is who a job's own token writes as, which may not ask who it is.
var JobsBot = GitHubUser{"github-actions[bot]", 41898282, "Bot"}

// A GitHubComment is one on a pull request or an issue.
type GitHubComment struct {
	ID        int64      `json:"id"`
	Body      string     `json:"body"`
	User      GitHubUser `json:"user"`
	CreatedAt string     `json:"created_at"`
	UpdatedAt string     `json:"updated_at"`
}

// SetUser says who Token is of. It is JobsBot's at first.
func (g *GitHub) SetUser(u GitHubUser) { g.set(func() { g.user = u }) }

// ReadOnly has every change refused, as to the token of a pull request from a
// fork.
func (g *GitHub) ReadOnly(only bool) { g.set(func() { g.readOnly = only }) }

// AddPull opens a pull request in a repository.
func (g *GitHub) AddPull(repository string, number int) {
	g.set(func() {
		p := g.places["repos/"+repository]
		if p.pulls == nil {
			p.pulls = map[int][]GitHubComment{}
		}
		p.pulls[number] = []GitHubComment{}
	})
}

// Comments are those on a pull request, the oldest first.
func (g *GitHub) Comments(repository string, number int) (comments []GitHubComment) {
	g.set(func() { comments = append(comments, g.places["repos/"+repository].pulls[number]...) })
	return comments
}

// AddComment has somebody comment on a pull request.
func (g *GitHub) AddComment(repository string, number int, who GitHubUser, body string) {
	g.set(func() { g.comment(g.places["repos/"+repository], number, who, body) })
}

// Source: https://docs.github.com/rest/issues/comments.
func (g *GitHub) mountComments() {
	g.mux.HandleFunc("GET /user", g.serveUser)
	g.mux.HandleFunc("POST /graphql", g.serveViewer)
	g.mux.HandleFunc("POST /api/graphql", g.serveViewer)
	const base = "/repos/{owner}/{repo}/issues"
	g.mux.HandleFunc("GET "+base+"/{number}/comments", g.inPlace(listGitHubComments))
	g.mux.HandleFunc("POST "+base+"/{number}/comments", g.inPlace(g.createComment))
	g.mux.HandleFunc("PATCH "+base+"/comments/{id}", g.inPlace(g.editComment))
}

func (g *GitHub) serveUser(w http.ResponseWriter, _ *http.Request) {
	if g.user.Type == "Bot" {
		refuseAtGitHub(w, http.StatusForbidden, "Resource not accessible by integration")
		return
	}
	writeJSON(w, http.StatusOK, g.user)
}

// serveViewer answers the one query of GraphQL that is known here: {viewer{login}}.
func (g *GitHub) serveViewer(w http.ResponseWriter, r *http.Request) {
	var asked struct{ Query string }
	if json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(&asked) != nil || asked.Query != "{viewer{login}}" {
		writeJSON(w, http.StatusOK, map[string]any{"errors": []map[string]string{{"message": "Parse error"}}})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": map[string]any{"viewer": map[string]string{"login": g.user.Login}}})
}

func listGitHubComments(w http.ResponseWriter, r *http.Request, p *githubPlace) {
	n, _ := strconv.Atoi(r.PathValue("number"))
	all, ok := p.pulls[n]
	if !ok {
		notFoundAtGitHub(w)
		return
	}
	size, page := min(number(r, "per_page", 30), 100), number(r, "page", 1)
	from := min((page-1)*size, len(all))
	to := min(from+size, len(all))
	if to < len(all) {
		w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next"`, pageOf(r, page+1)))
	}
	writeJSON(w, http.StatusOK, all[from:to])
}

func (g *GitHub) createComment(w http.ResponseWriter, r *http.Request, p *githubPlace) {
	n, _ := strconv.Atoi(r.PathValue("number"))
	body, ok := readGitHubComment(w, r)
	if _, there := p.pulls[n]; ok && !there {
		notFoundAtGitHub(w)
	} else if ok {
		writeJSON(w, http.StatusCreated, g.comment(p, n, g.user, body))
	}
}

func (g *GitHub) comment(p *githubPlace, number int, who GitHubUser, body string) GitHubComment {
	g.lastComment++
	now := time.Now().UTC().Format(time.RFC3339)
	made := GitHubComment{g.lastComment, body, who, now, now}
	p.pulls[number] = append(p.pulls[number], made)
	return made
}

// editComment lets the token change anybody's comment, as GitHub lets whoever
// may write to the repository.
func (g *GitHub) editComment(w http.ResponseWriter, r *http.Request, p *githubPlace) {
	body, ok := readGitHubComment(w, r)
	if !ok {
		return
	}
	for _, comments := range p.pulls {
		for i := range comments {
			if strconv.FormatInt(comments[i].ID, 10) == r.PathValue("id") {
				comments[i].Body, comments[i].UpdatedAt = body, time.Now().UTC().Format(time.RFC3339)
				writeJSON(w, http.StatusOK, comments[i])
				return
			}
		}
	}
	notFoundAtGitHub(w)
}

func readGitHubComment(w http.ResponseWriter, r *http.Request) (body string, ok bool) {
	var change struct{ Body string }
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	switch err := decoder.Decode(&change); {
	case err != nil:
		refuseAtGitHub(w, http.StatusBadRequest, "Problems parsing JSON")
	case change.Body == "":
		refuseAtGitHub(w, http.StatusUnprocessableEntity, "Validation Failed")
	case utf8.RuneCountInString(change.Body) > 65536:
		refuseAtGitHub(w, http.StatusUnprocessableEntity, "Body is too long (maximum is 65536 characters)")
	default:
		return change.Body, true
	}
	return "", false
}
