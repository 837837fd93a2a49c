//go:build linux

package fronts

import "testing"

// A spec that is a variable of the group. GitLab signs the ID token beforehand, so its audience stands beside the spec's name.
func TestGitLab_byASpec(t *testing.T) {
	w := newWorld(t, onGitLab)
	w.env["TAILJOIN_SPECS"] = `{"TAILJOIN_SPEC_CORP":{"oauth_client_id":"` + client + `","tags":["tag:ci"],"allow":{"branches":["main"]}}}`
	pipeline := replaceOnce(t, w.gitlabExample(), "oauth-client-id: "+client, "spec: corp\n      audience: "+audience)
	pipeline = replaceOnce(t, pipeline, "      tags: tag:ci\n", "")
	w.gitlab(pipeline).want(t, 0, greeting, "left the tailnet")
	w.wantJoins(1)
	w.wantNothingLeft()

	w.env["TAILJOIN_SPECS"] = `{"TAILJOIN_SPEC_CORP":{"oauth_client_id":"` + client + `","tags":["tag:ci"],"allow":{"branches":["release/*"]}}}`
	w.gitlab(pipeline).want(t, 1, "errors.md#spec-not-allowed", "nothing to leave")
	w.wantJoins(1)
}

// Its repository is the pipeline, by the organisation's name, and the configuration may have a boolean where YAML has one.
func TestBuildkite_byASpec(t *testing.T) {
	w := newWorld(t, onBuildkite)
	step := w.buildkiteStep()
	delete(step.config, "oauth-client-id")
	delete(step.config, "tags")
	step.config["spec"], step.config["accept-routes"] = "corp", false
	specs := func(repository string) string {
		return `{"TAILJOIN_SPEC_CORP":{"oauth_client_id":"` + client + `","tags":["tag:ci"],"allow":{"repositories":["` + repository + `"],"branches":["main"]}}}`
	}
	w.env["TAILJOIN_SPECS"] = specs("acme/*")
	w.buildkite(step, nil).want(t, 0, greeting, "left the tailnet")
	w.wantJoins(1)
	w.wantNothingLeft()

	w.env["TAILJOIN_SPECS"] = specs("other/*")
	w.buildkite(step, nil).want(t, 1, "errors.md#spec-not-allowed")
	w.wantJoins(1)
}
