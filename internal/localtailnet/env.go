package localtailnet

import "fmt"

// jobVariables are the variables of a GitHub job that say what its ID token
// says too.
var jobVariables = []struct{ name, claim string }{
	{"GITHUB_REPOSITORY", "repository"},
	{"GITHUB_REPOSITORY_ID", "repository_id"},
	{"GITHUB_REPOSITORY_OWNER", "repository_owner"},
	{"GITHUB_REPOSITORY_OWNER_ID", "repository_owner_id"},
	{"GITHUB_REF", "ref"},
	{"GITHUB_SHA", "sha"},
	{"GITHUB_WORKFLOW", "workflow"},
	{"GITHUB_WORKFLOW_REF", "workflow_ref"},
	{"GITHUB_EVENT_NAME", "event_name"},
	{"GITHUB_RUN_ID", "run_id"},
	{"GITHUB_RUN_NUMBER", "run_number"},
	{"GITHUB_RUN_ATTEMPT", "run_attempt"},
	{"GITHUB_ACTOR", "actor"},
}

// Env is the environment of a GitHub job with id-token: write that is to join
// this tailnet, as NAME=value. What the runner makes for a job — its temporary
// directory, the files for outputs and state — is the caller's to add.
func (t *Tailnet) Env() []string {
	env := []string{
		"GITHUB_ACTIONS=true",
		"GITHUB_SERVER_URL=https://github.com",
		"GITHUB_JOB=deploy",
		"ACTIONS_ID_TOKEN_REQUEST_URL=" + t.IDTokenRequestURL,
		"ACTIONS_ID_TOKEN_REQUEST_TOKEN=" + t.IDTokenRequestToken,
		"TAILJOIN_LOGIN_SERVER=" + t.ControlURL,
	}
	for _, v := range jobVariables {
		env = append(env, fmt.Sprintf("%s=%v", v.name, t.job.Claims[v.claim]))
	}
	if t.PackagesURL != "" {
		env = append(env, "TAILJOIN_MIRROR="+t.PackagesURL)
	}
	return env
}
