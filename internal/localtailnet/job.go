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
}

func (j Job) filled() Job {
	j.Owner, j.Repo = cmp.Or(j.Owner, "acme"), cmp.Or(j.Repo, "web")
	j.OwnerID, j.RepoID = cmp.Or(j.OwnerID, 1001), cmp.Or(j.RepoID, 2002)
	j.Ref = cmp.Or(j.Ref, "refs/heads/main")
	j.Event = cmp.Or(j.Event, "push")
	j.Workflow = cmp.Or(j.Workflow, "deploy.yml")
	j.Actor = cmp.Or(j.Actor, "octocat")
	return j
}

// Subject is what GitHub puts into sub when no template is set: the
// environment if there is one, else pull_request for that event, else the ref.
func (j Job) Subject() string {
	j = j.filled()
	repo := fmt.Sprintf("repo:%s/%s", j.Owner, j.Repo)
	if j.Immutable {
		repo = fmt.Sprintf("repo:%s@%d/%s@%d", j.Owner, j.OwnerID, j.Repo, j.RepoID)
	}
	switch {
	case j.Environment != "":
		// A colon inside a value would read as the next part.
		return repo + ":environment:" + strings.ReplaceAll(j.Environment, ":", "%3A")
	case j.Event == "pull_request":
		return repo + ":pull_request"
	default:
		return repo + ":ref:" + j.Ref
	}
}

// Claims are those of GitHub's token about the job; iss, aud and the times are
// the issuer's. Numbers are strings, as GitHub has them.
func (j Job) Claims() map[string]any {
	j = j.filled()
	repository := j.Owner + "/" + j.Repo
	workflow := repository + "/.github/workflows/" + j.Workflow + "@" + j.Ref
	const sha = "9a0364b9e99bb480dd25e1f0284c8555a1b2c3d4"
	claims := map[string]any{
		"sub":                   j.Subject(),
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
