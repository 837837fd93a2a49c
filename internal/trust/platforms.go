package trust

import (
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/lazy"
)

// Issuers of the platforms' own servers.
const (
	gitlabIssuer    = "https://gitlab.com"
	buildkiteIssuer = "https://agent.buildkite.com"
	namespaceIssuer = "https://federation.namespaceapis.com"
)

const (
	gitlabProject     lazy.Pattern = `^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)+$`
	forgejoRepository lazy.Pattern = `^([A-Za-z0-9_.-]+)/([A-Za-z0-9_.-]+)$`
	buildkitePipeline lazy.Pattern = `^([a-z0-9-]+)/([a-z0-9-]+)$`
	namespaceSpace    lazy.Pattern = `^[A-Za-z0-9_-]+$`
)

// OfGitLab is the jobs of a project, GROUP/PROJECT. The default branch is not
// asked for: it is main.
// Source: https://docs.gitlab.com/ci/secrets/id_token_authentication.
func OfGitLab(project string, where Where) (Workload, error) {
	if !gitlabProject.Matches(project) {
		return Workload{}, badProject(project, "GROUP/PROJECT, as in the project's address")
	}
	if err := where.check(); err != nil {
		return Workload{}, err
	}
	w := Workload{
		Platform: "gitlab", Issuer: gitlabIssuer, Claims: map[string]string{},
		Project: where.project(project[strings.LastIndex(project, "/")+1:]), Repository: project,
		Notes: []string{"a project that has changed ci_id_token_sub_claim_components sends another subject: tailjoin trust setup token FILE reads it"},
	}
	where = whereOr(where, "main")
	w.Where = where
	// The environment is no part of the subject: any branch then, by a rule.
	kind, ref := "*", "*"
	switch {
	case where.Branch != "":
		kind, ref = "branch", strings.TrimPrefix(where.Branch, branchRef)
	case where.GitTag != "":
		kind, ref = "tag", strings.TrimPrefix(where.GitTag, tagRef)
	}
	w.Subject = "project_path:" + project + ":ref_type:" + kind + ":ref:" + ref
	if where.Environment != "" {
		w.Claims["environment"] = where.Environment
	}
	w.Name = nameOf("gitlab", project, where.short())
	return w, nil
}

// OfForgejo is the jobs of a repository, OWNER/REPO, at the Forgejo that the
// issuer says. The default branch is not asked for: it is main.
// Source: https://forgejo.org/docs/next/user/actions/security-openid-connect.
func OfForgejo(repository, issuer string, where Where) (Workload, error) {
	match := forgejoRepository.Regexp().FindStringSubmatch(repository)
	if match == nil {
		return Workload{}, badProject(repository, "OWNER/REPO, as in the repository's address")
	}
	if err := where.check(); err != nil {
		return Workload{}, err
	}
	if where.Environment != "" {
		return Workload{}, badProject("--environment "+where.Environment, "--branch or --git-tag: Forgejo's tokens name no environment")
	}
	if issuer == "" {
		return Workload{}, diag.Input("it is not said which Forgejo the repository is at", "give --issuer https://HOST/api/actions")
	}
	project := where.project(match[2])
	where = whereOr(where, "main")
	return Workload{
		Platform: "forgejo", Issuer: issuer, Project: project, Repository: repository, Where: where,
		Subject: "repo:" + repository + ":ref:" + where.ref(),
		Name:    nameOf("forgejo", match[1], match[2], where.short()),
		Notes: []string{"a repository that is newer than its Forgejo's immutable subjects sends the numbers of owner and repository too:\n" +
			"tailjoin trust setup token FILE reads what it sends"},
	}, nil
}

// whereOr takes a branch if nothing was said.
func whereOr(where Where, branch string) Where {
	if where.ref() == "" && where.Environment == "" {
		where.Branch = branch
	}
	return where
}

// OfBuildkite is the jobs of a pipeline, ORG/PIPELINE, of any commit and step.
// Source: https://buildkite.com/docs/agent/cli/reference/oidc.
func OfBuildkite(pipeline string, where Where) (Workload, error) {
	match := buildkitePipeline.Regexp().FindStringSubmatch(pipeline)
	if match == nil {
		return Workload{}, badProject(pipeline, "ORG/PIPELINE, as in the pipeline's address")
	}
	if err := where.check(); err != nil {
		return Workload{}, err
	}
	if where.Environment != "" {
		return Workload{}, badProject("--environment "+where.Environment, "--branch or --git-tag: Buildkite's tokens name no environment")
	}
	project := where.project(match[2])
	where = whereOr(where, "main")
	return Workload{
		Platform: "buildkite", Issuer: buildkiteIssuer, Project: project, Repository: pipeline, Where: where,
		Subject: "organization:" + match[1] + ":pipeline:" + match[2] + ":ref:" + where.ref() + ":commit:*:step:*",
		Name:    nameOf("buildkite", match[1], match[2], where.short()),
	}, nil
}

// OfNamespace is every workload of a workspace.
// Source: https://namespace.so/docs/federation/openid.
func OfNamespace(workspace string, where Where) (Workload, error) {
	if !namespaceSpace.Matches(workspace) {
		return Workload{}, badProject(workspace, "the workspace's ID, as `nsc auth whoami` says it")
	}
	if where.ref() != "" || where.Environment != "" {
		return Workload{}, badProject("a branch or an environment", "the workspace alone: Namespace's tokens name a machine and no branch")
	}
	return Workload{
		Platform: "namespace", Issuer: namespaceIssuer, Subject: workspace + "/*",
		Name: nameOf("namespace", workspace), Project: "namespace",
		Notes: []string{"this lets in every machine of the workspace. If its tokens have a claim that tells those apart that you mean,\nadd a rule: --claim NAME=PATTERN (tailjoin token inspect, on such a machine, shows all claims)"},
	}, nil
}
