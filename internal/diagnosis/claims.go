package diagnosis

import (
	"maps"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/spec"
)

// A Claim is one that a custom claim rule may name, as a text.
type Claim struct{ Name, Value string }

// ruleClaims are those that people write rules for, platform by platform: what
// the token lacks is left out.
var ruleClaims = []string{
	// GitHub and Forgejo
	"repository", "ref", "ref_protected", "environment", "event_name", "job_workflow_ref", "actor", "repository_visibility", "runner_environment",
	// GitLab
	"project_path", "pipeline_source", "deployment_tier", "environment_protected", "ci_config_ref_uri", "project_visibility",
	// Buildkite
	"organization_slug", "pipeline_slug", "build_branch", "build_tag", "build_source", "step_key", "cluster_name", "queue_key",
	// CircleCI
	"oidc.circleci.com/project-id", "oidc.circleci.com/vcs-ref", "oidc.circleci.com/vcs-origin",
	// others
	"branchName", "repositoryUuid", "deploymentEnvironmentUuid", "rpo_ref", "rpo_uri", "def_id", "prj_id",
	"terraform_workspace_name", "terraform_run_phase", "spaceId", "runType", "scope", "branch", "project", "environment_name",
	"nomad_job_id", "nomad_namespace", "azp", "tid", "hd", "tenant_id", "app_name", "machine_name",
}

// namedClaims are the claims of the token that a rule may name.
func (e *Evidence) namedClaims() (all []Claim) {
	for _, name := range ruleClaims {
		if text, ok := spec.ClaimText(e.Token.Claims.All[name]); ok && text != "" {
			all = append(all, Claim{name, text})
		}
	}
	return all
}

// claimSigns are claims in which a job differs from the one that a rule is
// usually made for. The heaviest that is true counts; %s is the claim's value.
var claimSigns = []struct {
	claim, value string // the value, or what it ends with if it begins with *
	weight       int
	reason       string
}{
	{"ref_protected", "false", 45, "the ref is not protected: a rule for ref_protected=true does not hold"},
	{"environment_protected", "false", 45, "the environment is not protected: a rule for environment_protected=true does not hold"},
	{"actor", "*[bot]", 43, "%s started the job: a rule for actor may not hold"},
	{"runner_environment", "self-hosted", 38, "the runner is self-hosted: a rule for runner_environment=github-hosted does not hold"},
	{"event_name", "workflow_dispatch", 38, "the event is workflow_dispatch: a rule for event_name=push does not hold"},
	{"event_name", "schedule", 38, "the event is schedule: a rule for event_name=push does not hold"},
	{"pipeline_source", "schedule", 43, "the pipeline's source is schedule: a rule for pipeline_source=push does not hold"},
	{"pipeline_source", "web", 43, "the pipeline's source is web: a rule for pipeline_source=push does not hold"},
	{"pipeline_source", "trigger", 43, "the pipeline's source is trigger: a rule for pipeline_source=push does not hold"},
	{"repository_visibility", "public", 37, "the repository is public: a rule for repository_visibility=private does not hold"},
}

// claimRules is about the rules of which the token says nothing: they must hold
// for its claims.
func (e *Evidence) claimRules() Cause {
	c := Cause{Field: "custom claim rule", weight: 33, Reason: "the trust credential may have custom claim rules"}
	c.Fix = "each must hold for the claims above"
	if len(e.namedClaims()) == 0 {
		c.Fix = "each must hold for the token's claims, which `tailjoin token inspect` shows"
	}
	all := e.Token.Claims
	called, caller := all.Text("job_workflow_ref"), all.Text("workflow_ref")
	if called != "" && caller != "" && called != caller {
		c.weight, c.Reason = 50, "a reusable workflow runs the job, so job_workflow_ref is "+called
		c.Fix += ":\njob_workflow_ref is the called workflow's, workflow_ref and the subject are the caller's"
		return c
	}
	for _, s := range claimSigns {
		value := all.Text(s.claim)
		end, isEnd := strings.CutPrefix(s.value, "*")
		if value == "" || isEnd && !strings.HasSuffix(value, end) || !isEnd && value != s.value || s.weight <= c.weight {
			continue
		}
		if s.claim == "ref_protected" && all.Text("project_path") == "" {
			continue // at GitHub, most branches are not, and few rules ask for it
		}
		c.weight, c.Reason = s.weight, strings.ReplaceAll(s.reason, "%s", value)
	}
	if odd := e.oddClaims(); odd != "" {
		c.Fix += ". " + odd
	}
	return c
}

// oddClaims names the claims that no rule can match, or only with quotes.
func (e *Evidence) oddClaims() string {
	for _, name := range slices.Sorted(maps.Keys(e.Token.Claims.All)) {
		if strings.ContainsAny(name, "./") && !strings.Contains(name, "://") {
			return "A name with dots needs quotes in a rule: \"" + name + "\""
		}
	}
	return ""
}
