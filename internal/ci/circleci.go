package ci

import "cmp"

// circleci is a job of CircleCI. Each step is a shell of its own, which reads
// the file BASH_ENV first.
func circleci(env Env, s Streams) Job {
	job := plainJob(env, s, "circleci", false, printable)
	job.Repository = circleRepository(env)
	job.Ref = refOf(env("CIRCLE_TAG"), env("CIRCLE_BRANCH"))
	job.Run, job.Step = env("CIRCLE_BUILD_NUM"), env("CIRCLE_JOB")
	job.RunURL = env("CIRCLE_BUILD_URL")
	job.Name = nodeName("circleci", job.Repository, job.Run, job.Step, env("CIRCLE_NODE_INDEX"))
	// A machine runner may run two of a job's parallel runs side by side.
	id := cmp.Or(env("CIRCLE_WORKFLOW_JOB_ID"), env("CIRCLE_BUILD_NUM"))
	job.TempDir, job.OwnTemp = tempOf(id+"-"+env("CIRCLE_NODE_INDEX")), true
	job.EnvFile = env("BASH_ENV")
	return job
}

// circleRepository: projects of GitLab and of CircleCI's GitHub App have no
// owner's name.
func circleRepository(env Env) string {
	if owner := env("CIRCLE_PROJECT_USERNAME"); owner != "" {
		return owner + "/" + env("CIRCLE_PROJECT_REPONAME")
	}
	return cmp.Or(repositoryOf(env("CIRCLE_REPOSITORY_URL")), env("CIRCLE_PROJECT_REPONAME"))
}
