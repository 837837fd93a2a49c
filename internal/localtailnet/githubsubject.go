package localtailnet

import (
	"fmt"
	"net/http"
)

// A GitHubSubject is what a repository, or an organisation, says of the subject
// of its ID tokens.
// Source: https://docs.github.com/rest/actions/oidc.
type GitHubSubject struct {
	Custom    bool     // use_default is false
	Keys      []string // include_claim_keys
	Immutable bool
	Silent    bool // says nothing of immutable subjects, as an Enterprise Server
	Odd       bool // says that the subject is not immutable beside a prefix that is: GitHub was seen to do so
}

// SetSubject sets that of orgs/ORG or repos/OWNER/REPO.
func (g *GitHub) SetSubject(place string, s GitHubSubject) {
	g.set(func() { g.places[place].subject = &s })
}

// SetDefaultBranch sets that of a repository, instead of main.
func (g *GitHub) SetDefaultBranch(repository, branch string) {
	g.set(func() { g.places["repos/"+repository].branch = branch })
}

func (g *GitHub) mountSubjects() {
	g.mux.HandleFunc("GET /repos/{owner}/{repo}/actions/oidc/customization/sub", g.serveRepositorySubject)
	g.mux.HandleFunc("GET /orgs/{org}/actions/oidc/customization/sub", g.serveOrgSubject)
}

func (g *GitHub) serveRepositorySubject(w http.ResponseWriter, r *http.Request) {
	owner, repo := r.PathValue("owner"), r.PathValue("repo")
	place := g.places["repos/"+owner+"/"+repo]
	if place == nil {
		notFoundAtGitHub(w)
		return
	}
	var s GitHubSubject
	if place.subject != nil {
		s = *place.subject
	}
	answer := map[string]any{"use_default": !s.Custom}
	if len(s.Keys) > 0 {
		answer["include_claim_keys"] = s.Keys
	}
	if !s.Silent {
		answer["use_immutable_subject"] = s.Immutable && !s.Odd
		answer["sub_claim_prefix"] = fmt.Sprintf("repo:%s/%s", owner, repo)
		if s.Immutable {
			answer["sub_claim_prefix"] = fmt.Sprintf("repo:%s@%d/%s@%d", owner, ownerID, repo, place.id)
		}
	}
	writeJSON(w, http.StatusOK, answer)
}

// serveOrgSubject answers 404 for an organisation that never set a template.
func (g *GitHub) serveOrgSubject(w http.ResponseWriter, r *http.Request) {
	place := g.places["orgs/"+r.PathValue("org")]
	if place == nil || place.subject == nil {
		notFoundAtGitHub(w)
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"include_claim_keys": place.subject.Keys})
}
