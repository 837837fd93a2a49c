package spec_test

import (
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/spec"
)

type claims = map[string]any

var (
	githubMain = claims{
		"sub": "repo:acme/web:environment:production", "repository": "acme/web", "ref": "refs/heads/main", "ref_type": "branch",
		"environment": "production", "event_name": "push",
	}
	githubPull = claims{"repository": "acme/web", "ref": "refs/pull/7/merge", "event_name": "pull_request", "head_ref": "main"}
	githubTag  = claims{"repository": "acme/web", "ref": "refs/tags/v1.2", "ref_type": "tag"}

	gitlabMain  = claims{"project_path": "acme/group/web", "ref": "main", "ref_type": "branch", "pipeline_source": "push", "environment": "production"}
	gitlabTag   = claims{"project_path": "acme/group/web", "ref": "v1.2", "ref_type": "tag", "pipeline_source": "push"}
	gitlabMerge = claims{"project_path": "acme/group/web", "ref": "main", "ref_type": "branch", "pipeline_source": "merge_request_event"}

	buildkiteMain = claims{"organization_slug": "acme", "pipeline_slug": "web", "build_branch": "main", "build_tag": ""}
	buildkiteTag  = claims{"organization_slug": "acme", "pipeline_slug": "web", "build_branch": "v1.2", "build_tag": "v1.2"}

	circle = claims{"sub": "org/1/project/2/user/3", "oidc.circleci.com/project-id": "2"}
)

func TestAllow_readsTheTokensOfEachPlatform(t *testing.T) {
	for name, c := range map[string]struct {
		allow  spec.Allow
		claims claims
		denied string // the fact that names what is not allowed; "" if all is
	}{
		"nothing is demanded":                {spec.Allow{}, circle, ""},
		"repository":                         {spec.Allow{Repositories: []string{"acme/*"}}, githubMain, ""},
		"another repository":                 {spec.Allow{Repositories: []string{"acme/api", "acme/w"}}, githubMain, "repository"},
		"another owner":                      {spec.Allow{Repositories: []string{"acm/*"}}, githubMain, "repository"},
		"branch":                             {spec.Allow{Branches: []string{"release/*", "main"}}, githubMain, ""},
		"another branch":                     {spec.Allow{Branches: []string{"release/*"}}, githubMain, "ref"},
		"ref":                                {spec.Allow{Refs: []string{"refs/tags/v*"}}, githubTag, ""},
		"branches and refs are one list":     {spec.Allow{Branches: []string{"main"}, Refs: []string{"refs/tags/v*"}}, githubTag, ""},
		"a tag is no branch":                 {spec.Allow{Branches: []string{"**"}}, githubTag, "ref"},
		"a pull request is on no branch":     {spec.Allow{Branches: []string{"**"}}, githubPull, "ref"},
		"a pull request by its ref":          {spec.Allow{Refs: []string{"refs/pull/*/merge"}}, githubPull, ""},
		"environment":                        {spec.Allow{Environments: []string{"prod*"}}, githubMain, ""},
		"another environment":                {spec.Allow{Environments: []string{"staging"}}, githubMain, "environment"},
		"no environment":                     {spec.Allow{Environments: []string{"**"}}, githubTag, "environment"},
		"every list must hold":               {spec.Allow{Repositories: []string{"acme/web"}, Branches: []string{"main"}, Environments: []string{"x"}}, githubMain, "environment"},
		"all lists hold":                     {spec.Allow{Repositories: []string{"acme/web"}, Branches: []string{"main"}, Environments: []string{"production"}}, githubMain, ""},
		"GitLab":                             {spec.Allow{Repositories: []string{"acme/*/web"}, Branches: []string{"main"}, Environments: []string{"production"}}, gitlabMain, ""},
		"GitLab, a group is no project":      {spec.Allow{Repositories: []string{"acme/*"}}, gitlabMain, "repository"},
		"GitLab, a tag":                      {spec.Allow{Refs: []string{"refs/tags/v*"}}, gitlabTag, ""},
		"GitLab, a tag called as a branch":   {spec.Allow{Branches: []string{"v1.2"}}, gitlabTag, "ref"},
		"GitLab, a merge request":            {spec.Allow{Branches: []string{"main"}}, gitlabMerge, "ref"},
		"GitLab, any job of the project":     {spec.Allow{Repositories: []string{"acme/group/web"}}, gitlabMerge, ""},
		"Buildkite":                          {spec.Allow{Repositories: []string{"acme/web"}, Branches: []string{"main"}}, buildkiteMain, ""},
		"Buildkite, a tag":                   {spec.Allow{Refs: []string{"refs/tags/*"}}, buildkiteTag, ""},
		"Buildkite, a tag is no branch":      {spec.Allow{Branches: []string{"v1.2"}}, buildkiteTag, "ref"},
		"Buildkite knows no environment":     {spec.Allow{Environments: []string{"*"}}, buildkiteMain, "environment"},
		"a platform that names nothing":      {spec.Allow{Repositories: []string{"**"}}, circle, "repository"},
		"a claim that is no text":            {spec.Allow{Repositories: []string{"**"}}, claims{"repository": 7.0}, "repository"},
		"a list of repositories is no claim": {spec.Allow{Repositories: []string{"**"}}, claims{"repository": []any{"acme/web"}}, "repository"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.allow.Check("corp", spec.JobOf(c.claims))
			if c.denied == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			p := diag.As(err)
			if err == nil || p.Code != "spec-not-allowed" || p.Facts[0].Name != c.denied || !strings.Contains(p.Text(), "corp") {
				t.Errorf("got %v, want a refusal for the %s", err, c.denied)
			}
		})
	}
}

// What the environment does not say is left for the token to say.
func TestAllow_judgesOnlyWhatIsKnown(t *testing.T) {
	allow := spec.Allow{Branches: []string{"main"}, Environments: []string{"production"}}
	if err := allow.Check("corp", spec.Job{Ref: "refs/heads/main", Part: true}); err != nil {
		t.Error(err)
	}
	if err := allow.Check("corp", spec.Job{Part: true}); err != nil {
		t.Error(err)
	}
	if err := allow.Check("corp", spec.Job{Ref: "refs/heads/x", Part: true}); err == nil {
		t.Error("a branch that is known to be wrong passed")
	}
}

// A token of GitLab stays one, whatever other claims it has.
func TestJobOf_takesGitLabsClaimsFirst(t *testing.T) {
	both := claims{"project_path": "acme/group/web", "repository": "acme/web", "ref": "main", "ref_type": "branch", "pipeline_source": "push"}
	if j := spec.JobOf(both); j.Repository != "acme/group/web" || j.Ref != "refs/heads/main" {
		t.Errorf("got %+v", j)
	}
}
