package localtailnet

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
)

// A Job is a job of GitHub Actions, as far as its ID token tells of it. The
// zero value is a push to main of acme/web; each empty field is filled alike.
type Job struct {
	Owner, Repo     string // "acme", "web"
	OwnerID, RepoID int64
	Ref             string // "refs/heads/main"
	Event           string // "push"
	Environment     string // of the deployment, mostly none
	Workflow        string // "deploy.yml"; a file in .github/workflows
	Actor           string

	// Immutable gives the subject the form that repositories made since
	// 15 July 2026 have: repo:acme@1001/web@2002:…
	Immutable bool

	// Template are the claims of a subject template, if one is set: "repo",
	// "context" or the names of claims.
	Template []string
}

func (j Job) filled() Job {
	j.Owner, j.Repo = cmp.Or(j.Owner, "acme"), cmp.Or(j.Repo, "web")
	j.OwnerID, j.RepoID = cmp.Or(j.OwnerID, ownerID), cmp.Or(j.RepoID, 2002)
	j.Ref = cmp.Or(j.Ref, "refs/heads/main")
	j.Event = cmp.Or(j.Event, "push")
	j.Workflow = cmp.Or(j.Workflow, "deploy.yml")
	j.Actor = cmp.Or(j.Actor, "octocat")
	return j
}

// Subject is what GitHub puts into sub: by the template, or repo and context.
// Source: https://docs.github.com/actions/reference/security/oidc.
func (j Job) Subject() string {
	j = j.filled()
	if len(j.Template) == 0 {
		return j.repo() + ":" + j.context()
	}
	claims := j.claims()
	var parts []string
	for _, key := range j.Template {
		switch key {
		case "repo":
			parts = append(parts, j.repo())
		case "context":
			parts = append(parts, j.context())
		default:
			parts = append(parts, key+":"+inSubject(fmt.Sprint(claims[key])))
		}
	}
	return strings.Join(parts, ":")
}

func (j Job) repo() string {
	if j.Immutable {
		return fmt.Sprintf("repo:%s@%d/%s@%d", j.Owner, j.OwnerID, j.Repo, j.RepoID)
	}
	return fmt.Sprintf("repo:%s/%s", j.Owner, j.Repo)
}

// context is the environment if there is one, else pull_request for that event,
// else the ref.
func (j Job) context() string {
	switch {
	case j.Environment != "":
		return "environment:" + inSubject(j.Environment)
	case j.Event == "pull_request":
		return "pull_request"
	default:
		return "ref:" + j.Ref
	}
}

// inSubject: a colon inside a value would read as the next part.
func inSubject(value string) string { return strings.ReplaceAll(value, ":", "%3A") }

// Claims are those of GitHub's token about the job; iss, aud and the times are
// the issuer's. Numbers are strings, as GitHub has them.
func (j Job) Claims() map[string]any {
	claims := j.filled().claims()
	claims["sub"] = j.Subject()
	return claims
}

func (j Job) claims() map[string]any {
	repository := j.Owner + "/" + j.Repo
	workflow := repository + "/.github/workflows/" + j.Workflow + "@" + j.Ref
	const sha = "9a0364b9e99bb480dd25e1f0284c8555a1b2c3d4"
	claims := map[string]any{
		"repository":            repository,
		"repository_id":         strconv.FormatInt(j.RepoID, 10),
		"repository_owner":      j.Owner,
		"repository_owner_id":   strconv.FormatInt(j.OwnerID, 10),
		"repository_visibility": "private",
		"ref":                   j.Ref,
		"ref_type":              j.refType(),
		"ref_protected":         "true",
		"sha":                   sha,
		"base_ref":              "",
		"head_ref":              "",
		"workflow":              j.Workflow,
		"workflow_ref":          workflow,
		"workflow_sha":          sha,
		"job_workflow_ref":      workflow,
		"job_workflow_sha":      sha,
		"event_name":            j.Event,
		"run_id":                "7000000001",
		"run_number":            "12",
		"run_attempt":           "1",
		"check_run_id":          "8000000001",
		"actor":                 j.Actor,
		"actor_id":              "583231",
		"runner_environment":    "github-hosted",
	}
	if j.Environment != "" {
		claims["environment"] = j.Environment
	}
	return claims
}

func (j Job) refType() string {
	if strings.HasPrefix(j.Ref, "refs/tags/") {
		return "tag"
	}
	return "branch"
}
