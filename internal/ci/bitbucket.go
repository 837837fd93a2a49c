package ci

import (
	"cmp"
	"strings"
)

// bitbucket is a step of Bitbucket Pipelines. Its after-script runs in the same
// container as its script, in a shell of its own.
func bitbucket(env Env, s Streams) Job {
	job := plainJob(env, s, "bitbucket", false, printable)
	job.Repository = env("BITBUCKET_REPO_FULL_NAME")
	job.Ref = refOf(env("BITBUCKET_TAG"), env("BITBUCKET_BRANCH"))
	job.RunURL = cmp.Or(env("BITBUCKET_GIT_HTTP_ORIGIN"), "https://bitbucket.org/"+job.Repository) + "/pipelines/results/" + env("BITBUCKET_BUILD_NUMBER")
	job.Run = env("BITBUCKET_BUILD_NUMBER")
	step := strings.Trim(env("BITBUCKET_STEP_UUID"), "{}")
	job.Name = nodeName("bitbucket", job.Repository, job.Run, env("BITBUCKET_STEP_RUN_NUMBER"), shortened(step))
	job.Step = shortened(step)
	id := cmp.Or(step, env("BITBUCKET_BUILD_NUMBER")+"-"+env("BITBUCKET_PARALLEL_STEP"))
	job.TempDir, job.OwnTemp = tempOf(id+"-"+env("BITBUCKET_STEP_RUN_NUMBER")), true
	return job
}
