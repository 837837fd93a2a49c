package trust

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/github"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// since is the day from which on GitHub gives new repositories immutable
// subjects, on github.com and ghe.com.
// Source: https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens
var since = time.Date(2026, time.July, 15, 0, 0, 0, 0, time.UTC)

// OfGitHub is the jobs of a repository, by the subject that it really sends.
// What the subject does not say of them, claims do: so that no other repository
// or branch can send the same.
func OfGitHub(r github.Repository, s github.Subject, issuer string, where Where) (Workload, error) {
	if err := where.check(); err != nil {
		return Workload{}, err
	}
	project := where.project(r.Name)
	where = whereOr(where, r.DefaultBranch)
	g := githubSubject{r: r, s: s, where: where, bound: map[string]bool{}}
	w := Workload{
		Platform: "github", Issuer: issuer, Claims: map[string]string{},
		Name: nameOf("github", r.Owner, r.Name, where.short()), Project: project, Repository: r.Owner + "/" + r.Name, Where: where,
	}
	if g.s.Prefix == "" {
		g.guessPrefix(issuer)
	}
	var err error
	if w.Subject, err = g.subject(); err != nil {
		return w, err
	}
	w.Claims, w.Notes = g.rest(), g.notes
	return w, nil
}

// A githubSubject is being put together.
type githubSubject struct {
	r     github.Repository
	s     github.Subject
	where Where
	bound map[string]bool // what it says: "repository", "ref", "environment"
	notes []string
}

// guessPrefix is for a GitHub that does not say: an Enterprise Server, which
// has no immutable subjects, and perhaps others.
func (g *githubSubject) guessPrefix(issuer string) {
	g.s.Prefix = fmt.Sprintf("repo:%s/%s", g.r.Owner, g.r.Name)
	if strings.HasSuffix(issuer, "/_services/token") {
		return
	}
	if g.r.Created.After(since) {
		g.s.Prefix = fmt.Sprintf("repo:%s@%d/%s@%d", g.r.Owner, g.r.OwnerID, g.r.Name, g.r.ID)
	}
	g.notes = append(g.notes, "GitHub did not say whether this repository has immutable subjects, so its age was taken for it:\n"+
		"see by a real token that it is let in: tailjoin trust check, in a job")
}

// context is the part that says where in the repository a job runs. An
// environment goes before a branch.
func (g *githubSubject) context() string {
	if g.where.Environment != "" {
		g.bound["environment"] = true
		return "environment:" + inSubject(g.where.Environment)
	}
	g.bound["ref"] = true
	return "ref:" + g.where.ref()
}

// inSubject is a value as GitHub writes it: a colon would begin the next part.
func inSubject(value string) string { return strings.ReplaceAll(value, ":", "%3A") }

func (g *githubSubject) repo() string {
	g.bound["repository"] = true
	if strings.Contains(g.s.Prefix, "@") {
		g.bound["repository_id"] = true
	}
	return g.s.Prefix
}

func (g *githubSubject) subject() (string, error) {
	if len(g.s.Keys) == 0 {
		return g.repo() + ":" + g.context(), nil
	}
	var parts []string
	for _, key := range g.s.Keys {
		switch key {
		case "repo":
			parts = append(parts, g.repo())
		case "context":
			parts = append(parts, g.context())
		default:
			value, err := g.value(key)
			if err != nil {
				return "", err
			}
			parts = append(parts, key+":"+value)
		}
	}
	return strings.Join(parts, ":"), nil
}

// value is that of a claim in the subject: the one that is known of every job
// that is meant, or any.
func (g *githubSubject) value(key string) (string, error) {
	known := map[string]string{
		"repository": g.r.Owner + "/" + g.r.Name, "repository_id": strconv.FormatInt(g.r.ID, 10),
		"repository_owner": g.r.Owner, "repository_owner_id": strconv.FormatInt(g.r.OwnerID, 10),
		"repository_visibility": g.r.Visibility,
		"environment":           g.where.Environment, "ref": g.where.ref(),
	}
	for _, line := range g.where.Claims {
		if name, pattern, ok := spec.CutRule(line); ok {
			known[name] = pattern
		}
	}
	if key == "environment" && known[key] == "" {
		return "", diag.Input("the subject of this repository's tokens names an environment", "say which one is meant: --environment production")
	}
	if known[key] == "" {
		return "*", nil
	}
	g.bound[key] = true
	return inSubject(known[key]), nil
}

// rest are rules for what the subject does not say. A repository's number is
// never given to another one, while its name may be.
func (g *githubSubject) rest() map[string]string {
	rules := map[string]string{}
	if !g.bound["repository_id"] {
		rules["repository_id"] = strconv.FormatInt(g.r.ID, 10)
	}
	if ref := g.where.ref(); ref != "" && !g.bound["ref"] {
		rules["ref"] = ref
	}
	if g.where.Environment != "" && !g.bound["environment"] {
		rules["environment"] = g.where.Environment
	}
	return rules
}
