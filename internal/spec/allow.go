package spec

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// Allow says which jobs may use a spec: those that match one pattern of each
// list that is not empty. Branches and Refs are one list. It is a check on
// mistakes: what keeps a job out is the trust credential.
type Allow struct {
	Repositories []string `json:"repositories,omitempty"` // OWNER/REPO; GROUP/…/PROJECT; ORG/PIPELINE
	Branches     []string `json:"branches,omitempty"`     // main
	Refs         []string `json:"refs,omitempty"`         // refs/tags/v*
	Environments []string `json:"environments,omitempty"` // production
}

// IsZero reports that every job may.
func (a Allow) IsZero() bool {
	return len(a.Repositories)+len(a.Branches)+len(a.Refs)+len(a.Environments) == 0
}

// refs are Branches and Refs together.
func (a Allow) refs() (all []string) {
	for _, branch := range a.Branches {
		all = append(all, branchRef+branch)
	}
	return append(all, a.Refs...)
}

const (
	branchRef = "refs/heads/"
	tagRef    = "refs/tags/"
)

// A Job is what allow rules look at.
type Job struct {
	Repository, Ref, Environment string

	Source string // where it is known from, for people: "ID token"
	Part   bool   // what is empty here is not known, and judged later
}

// A limit is one kind of rule beside what the job has.
type limit struct {
	name, value string
	allowed     []string
	hint        string
}

func (a Allow) limits(j Job) []limit {
	return []limit{
		{"repository", j.Repository, a.Repositories, ""},
		{"ref", j.Ref, a.refs(), ".\nA pull request or merge request is on no branch"},
		{"environment", j.Environment, a.Environments, ""},
	}
}

// Check refuses a job that may not use the spec with this name.
func (a Allow) Check(name string, j Job) error {
	for _, l := range a.limits(j) {
		if !l.holds(j.Part) {
			return l.problem(name, j.Source)
		}
	}
	return nil
}

func (l limit) holds(part bool) bool {
	if len(l.allowed) == 0 || part && l.value == "" {
		return true
	}
	return l.value != "" && slices.ContainsFunc(l.allowed, func(pattern string) bool { return Covers(pattern, l.value) })
}

func (l limit) problem(name, source string) error {
	which := "of this " + l.name
	if l.value == "" {
		which = "without " + l.name
	}
	return &diag.Problem{
		Code:    "spec-not-allowed",
		Summary: fmt.Sprintf("the spec %s is not for jobs %s", name, which),
		Facts: []diag.Fact{
			{Name: l.name, Value: l.value},
			{Name: "allowed", Value: strings.Join(l.allowed, ", ")},
			{Name: "known from", Value: source},
		},
		Hint: "use a spec that is for such jobs, or add a pattern to its allow: * there matches neither / nor :, ** does" + l.hint,
	}
}

// A dialect is how the tokens of one platform say what a job is.
type dialect struct {
	marker string // a claim that tokens of no other platform have
	read   func(text func(claim string) string) Job
}

var dialects = []dialect{
	{"project_path", gitlabJob}, // before GitHub: it has a ref, too
	{"pipeline_slug", buildkiteJob},
	{"repository", githubJob},
}

// JobOf reads the claims of an ID token of GitHub Actions (or Forgejo), GitLab
// or Buildkite. Those of others name no repository: the Job is empty.
// Source: https://docs.github.com/actions/reference/security/oidc,
// https://docs.gitlab.com/ci/secrets/id_token_authentication,
// https://buildkite.com/docs/agent/cli/reference/oidc.
func JobOf(claims map[string]any) (j Job) {
	text := func(claim string) string {
		value, _ := claims[claim].(string)
		return value
	}
	for _, d := range dialects {
		if text(d.marker) != "" {
			j = d.read(text)
			break
		}
	}
	j.Source = "the ID token"
	return j
}

func githubJob(text func(string) string) Job {
	return Job{Repository: text("repository"), Ref: text("ref"), Environment: text("environment")}
}

// gitlabJob: a merge request's token has the branch that it would merge, which
// may have the name of any other.
func gitlabJob(text func(string) string) Job {
	j := Job{Repository: text("project_path"), Environment: text("environment")}
	prefix := map[string]string{"branch": branchRef, "tag": tagRef}[text("ref_type")]
	if text("pipeline_source") != "merge_request_event" && prefix != "" && text("ref") != "" {
		j.Ref = prefix + text("ref")
	}
	return j
}

func buildkiteJob(text func(string) string) Job {
	j := Job{Repository: text("organization_slug") + "/" + text("pipeline_slug")}
	if tag := text("build_tag"); tag != "" {
		j.Ref = tagRef + tag
	} else if branch := text("build_branch"); branch != "" {
		j.Ref = branchRef + branch
	}
	return j
}
