package diagnosis

// subjectRules are in no order: the weight decides.
var subjectRules = []subjectRule{
	// GitHub, Enterprise Server and Forgejo.
	{subject: `^repo:`, remark: remark{40, "the job runs on a branch and has no environment", "A credential for an environment, a pull request or another branch does not match it, nor does one with numbers (repo:OWNER@1/REPO@2:…)\nor without what stands behind the repository", "", ""}},
	{subject: `^repo:[^:]+:environment:(.+)$`, remark: remark{56, "the job has the environment $1, so its subject names no branch",
		"A credential for a branch, a tag or another environment does not match it. Or remove `environment:` from the job", "", ""}},
	{subject: `^repo:[^:]+:pull_request$`, remark: remark{weight: 58, reason: "the job runs for a pull request, so its subject names no branch",
		rather: "a credential for a branch does not match it. Skip the job for pull requests:\n  if: github.event_name != 'pull_request'",
		advice: "which lets in every pull request within the repository"}},
	{subject: `^repo:[^:]+:ref:refs/pull/`, remark: remark{weight: 58, reason: "the job runs for a pull request, and not on a branch",
		rather: "a credential for a branch does not match it. Skip the job for pull requests:\n  if: github.event_name != 'pull_request'"}},
	{subject: `^(repo:[^:]+:ref:refs/heads/gh-readonly-queue/.+)/pr-\d+-.*$`, remark: remark{60, "the job runs in a merge queue, on a branch of its own",
		"A credential for the branch itself does not match it. Or skip the job there: if: github.event_name != 'merge_group'", "$1/*", ""}},
	{subject: `^(repo:[^:]+:ref:refs/tags/)(.+)$`, remark: remark{55, "the job runs on the tag $2, not on a branch", "A credential for a branch does not match it. For every tag: ${1}*", "", ""}},
	{subject: `^repo:.+`, claim: "event_name", value: `^schedule$`, remark: remark{41, "the event schedule runs the job on the default branch, without an environment",
		"A credential for another branch or for an environment does not match it", "", ""}},
	{subject: `^repo:.+:ref:`, claim: "event_name", value: `^(pull_request_target|issue_comment|issues|workflow_run|repository_dispatch|discussion|check_run|check_suite|status)$`,
		remark: remark{41, "the event %s runs the job on the branch in the subject, whatever branch it is about, and without an environment",
			"A credential for another branch, a pull request or an environment does not match it", "", ""}},
	{subject: `^repo:([^/@:]+)@\d+/([^/@:]+)@\d+:(.*)$`, remark: remark{46, "it has GitHub's immutable form, with the numbers of owner and repository",
		"If the credential has repo:$1/$2:… without the numbers, put them in", "", ""}},
	{subject: `^repo:[^:]*[A-Z]`, remark: remark{41, "the repository has capital letters in its name", "Upper and lower case count", "", ""}},
	{subject: `%3A`, remark: remark{57, "a name in the subject has a colon, which arrives as %3A", "Write %3A into the credential, too", "", ""}},
	{subject: `(?i)^repo:.*:(job_workflow_ref|workflow|repository_owner|repository_id|actor|event_name|repository_visibility|runner_environment):`,
		remark: remark{59, "a template of the repository or its organization makes the subject", "A credential for GitHub's own form does not match it", "", ""}},
	{subject: `^(repository|repository_id|repository_owner|repository_owner_id|job_workflow_ref|workflow|workflow_ref|actor|environment|enterprise|repository_visibility|ref|context|head_ref|base_ref|event_name):`,
		remark: remark{59, "a template of the repository or its organization makes the subject", "A credential for GitHub's own form, repo:OWNER/REPO:…, does not match it", "", ""}},

	// GitLab.
	{subject: `^project_path:`, remark: remark{40, "the job runs on a branch", "A credential for another branch or project does not match it. The word is ref_type, and the branch has no refs/heads/", "", ""}},
	{subject: `^(project_path:.+:ref_type:)tag:ref:(.+)$`, remark: remark{55, "the job runs on the tag $2, not on a branch", "A credential for a branch does not match it. For every tag: ${1}tag:ref:*", "", ""}},
	{subject: `^project_path:`, claim: "pipeline_source", value: `^merge_request_event$`, remark: remark{weight: 57, reason: "the job runs for a merge request, so its subject has the branch of that",
		rather: "a credential for the target branch does not match it. Leave merge requests out:\n  rules: [{ if: '$CI_PIPELINE_SOURCE != \"merge_request_event\"' }]"}},
	{subject: `^project_path:[^:]*[A-Z]`, remark: remark{41, "the project has capital letters in its path", "Upper and lower case count", "", ""}},
	{subject: `^(project_id|namespace_path|namespace_id|ref_type|environment|user_login|ci_config_ref_uri):|^project_path:[^:]*$|^project_path:[^:]*:ref:`,
		remark: remark{57, "the project has changed the parts of the subject (ci_id_token_sub_claim_components)", "A credential for GitLab's own form does not match it", "", ""}},

	// Buildkite.
	{subject: `^(organization:[^:]+:pipeline:[^:]+:ref:[^:]+):commit:.*$`, remark: remark{48, "it ends with the commit and the step, which differ in each build",
		"A credential without the * at its end matches no build", "$1:*", ""}},
	{subject: `^(organization:[^:]+:pipeline:[^:]+:ref:refs/tags/)([^:]+):commit:.*$`, remark: remark{55, "the build runs on the tag $2, not on a branch", "A credential for a branch does not match it", "$1$2:*", ""}},
	{subject: `^[0-9a-f]{8}-[0-9a-f-]{27}$`, claim: "pipeline_slug", remark: remark{57, "it is an ID (--subject-claim, BUILDKITE_OIDC_TOKEN_SUBJECT_CLAIM)",
		"A credential for organization:…:pipeline:… does not match it", "", ""}},

	// CircleCI.
	{subject: `^(org/[^/]+/project/[^/]+/user/)[^/]+$`, remark: remark{50, "it ends with the user who started the pipeline", "A credential for another user does not match it, nor does one with names: both are IDs", "$1*", ""}},
	{subject: `^(org/[^/]+/project/[^/]+/user/)[^/]+(/vcs-origin/.+)$`, remark: remark{52, "it has the user and, behind it, the repository and the ref",
		"A credential for the first form of tokens, without /vcs-origin, does not match it", "$1*$2", ""}},
	{subject: `^(org/[^/]+/project/[^/]+/user/).+/vcs-ref/refs/(tags|pull)/`, remark: remark{55, "the pipeline does not run on a branch, and its subject ends with another ref", "A credential for a branch does not match it", "", ""}},

	// Other CIs.
	{subject: `^p://`, remark: remark{45, "it names organization, project and pipeline, not the branch", "A pipeline that was renamed or moved has another subject. Upper and lower case and blanks count", "", ""}},
	{subject: `^sc://`, remark: remark{55, "it names a service connection", "A credential for a pipeline, p://ORG/PROJECT/PIPELINE, does not match it", "", ""}},
	{subject: `^(\{[^}]*\}):\{[^}]*\}$`, remark: remark{52, "it ends with the step's UUID, which differs in each run", "A credential without the * at its end matches no run. The { } belong to it", "$1*", ""}},
	{subject: `^(\{[^}]*\}:\{[^}]*\}):\{[^}]*\}$`, remark: remark{56, "the step has a deployment environment, whose UUID is in the subject", "A credential for the repository alone needs a * behind its UUID", "$1:*", ""}},
	{subject: `^(organization:[^:]+:project:[^:]+:workspace:[^:]+):run_phase:(.+)$`, remark: remark{52, "it ends with the phase of the run, $2", "A credential for another phase does not match it", "$1:run_phase:*", ""}},
	{subject: `^(space:[^:]+:(?:stack|module):[^:]+:run_type:)([^:]+):scope:(.+)$`, remark: remark{52, "the run is of the type $2 with the scope $3", "A credential for another type or scope does not match it", "", ""}},
	{subject: `^org:.+:ref_type:(.+):ref:(.+)$`, remark: remark{48, "it names the kind of ref, $1, and the ref $2", "A credential for another ref does not match it", "", ""}},
	{subject: `^owner:.+:environment:(.+)$`, remark: remark{52, "the deployment's environment is $1", "A credential for another environment does not match it", "", ""}},
	{subject: `^(account:[^:]+:pipeline:[^:]+):.+$`, remark: remark{50, "it ends with who or what started the build", "A credential without the * at its end matches some builds only", "$1:*", ""}},
	{subject: `^([^:/]+:[^:/]+:)[0-9a-z]+$`, remark: remark{48, "it ends with the machine, which differs", "A credential without the * at its end matches no other machine", "$1*", ""}},
	{subject: `^https?://.+/job/.+$`, remark: remark{48, "it is the address of the Jenkins job", "The / at its end counts, and a job that was moved has another one", "", ""}},

	// Clouds and clusters.
	{subject: `^system:serviceaccount:([^:]+):default$`, remark: remark{54, "the pod runs as the service account default of the namespace $1", "Set serviceAccountName in the pod to the service account that the credential names", "", ""}},
	{subject: `^system:serviceaccount:([^:]+):([^:]+)$`, remark: remark{45, "the pod runs as the service account $2 of the namespace $1", "A credential for another namespace or service account does not match it", "", ""}},
	{subject: `^\d{15,25}$`, remark: remark{54, "it is the number of a service account, not its e-mail address", "See it as the service account's unique ID", "", ""}},
	{subject: `^arn:aws[a-z-]*:iam::(\d+):role/(.+)$`, remark: remark{50, "it is the role $2 of the account $1", "A credential for a session (arn:aws:sts::…:assumed-role/…) or another role does not match it", "", ""}},
	{subject: `^[0-9a-f]{8}-[0-9a-f-]{27}$`, claim: "oid", remark: remark{54, "it is the object ID of the managed identity, not its client ID", "See it in Entra as the object (principal) ID", "", ""}},
	{subject: `^spiffe://`, remark: remark{45, "it is the SPIFFE ID of the workload", "A credential for another path or trust domain does not match it", "", ""}},
	{subject: `^([^:]+:[^:]+:[^:]+:[^:]+:[^:]+):[^:]+$`, claim: "nomad_job_id", remark: remark{48, "it names region, namespace, job, group, task and identity", "A credential for another task or identity does not match it", "", ""}},
}
