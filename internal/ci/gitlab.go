package ci

import (
	"cmp"
	"time"
)

// gitlab is a job of GitLab CI/CD. Its before_script and script are one shell,
// its after_script is another, which sees the job's variables and nothing that
// the first one exported. Nothing but the job's environment file tells later
// commands anything, and no job can have a value masked.
func gitlab(env Env, s Streams) Job {
	job := plainJob(env, s, "gitlab", isSet(env("CI_DEBUG_TRACE")), printable)
	job.Repository = env("CI_PROJECT_PATH")
	job.Ref = cmp.Or(refOf(env("CI_COMMIT_TAG"), ""), env("CI_MERGE_REQUEST_REF_PATH"), refOf("", env("CI_COMMIT_REF_NAME")))
	job.Claimed, job.Run, job.Step = job.Repository, env("CI_PIPELINE_ID"), env("CI_JOB_NAME")
	job.RunURL = env("CI_JOB_URL")
	job.Name = nodeName("gitlab", job.Repository, job.Run, env("CI_JOB_ID"), job.Step)
	job.TempDir, job.OwnTemp = tempOf(env("CI_JOB_ID")), true // each try of a job has its own ID
	job.Group = func(title string) func() { return section(s, title) }
	return job
}

// section is a part of the log that is folded until somebody opens it.
// Source: https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections.
func section(s Streams, title string) (end func()) {
	const erase = "\x1b[0K"
	began := time.Now()
	mark := func(what, options, text string) {
		line(s.Words, erase+"section_%s:%d:tailjoin_%d%s\r"+erase+"%s\n", what, time.Now().Unix(), began.UnixNano(), options, text)
	}
	mark("start", "[collapsed=true]", printable(title))
	return func() { mark("end", "", "") }
}
