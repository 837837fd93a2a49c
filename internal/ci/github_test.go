package ci_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Forgejo's and Gitea's runners set GitHub's variables, and are other servers: the name of the node and the address of the
// run say which.
func TestDetect_tellsServersWithGitHubsVariablesApart(t *testing.T) {
	for name, c := range map[string]struct {
		vars map[string]string
		want []string // platform, marker, run's address, node's name, number of the run
	}{
		"GitHub": {nil, []string{"github", "GITHUB_ACTIONS", "https://code.acme.org/acme/web/actions/runs/4711", "github-web-4711-1-test", "4711"}},
		"Forgejo": {map[string]string{"FORGEJO_ACTIONS": "true", "GITEA_ACTIONS": "true"},
			[]string{"forgejo", "GITHUB_ACTIONS", "https://code.acme.org/acme/web/actions/runs/12", "forgejo-web-4711-1-test", "4711"}},
		"Gitea": {map[string]string{"GITEA_ACTIONS": "true"},
			[]string{"gitea", "GITHUB_ACTIONS", "https://code.acme.org/acme/web/actions/runs/12", "gitea-web-4711-1-test", "4711"}},
		"false": {map[string]string{"FORGEJO_ACTIONS": "false"},
			[]string{"github", "GITHUB_ACTIONS", "https://code.acme.org/acme/web/actions/runs/4711", "github-web-4711-1-test", "4711"}},
	} {
		vars := map[string]string{
			"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://code.acme.org", "GITHUB_REPOSITORY": "acme/web", "GITHUB_RUN_ID": "4711",
			"GITHUB_RUN_NUMBER": "12", "GITHUB_RUN_ATTEMPT": "1", "GITHUB_JOB": "test", "RUNNER_TEMP": "/tmp/runner",
		}
		for key, value := range c.vars {
			vars[key] = value
		}
		job := new(page).job(vars)
		got := []string{job.Platform, job.Marker, job.RunURL, job.Name, job.Run}
		if d := cmp.Diff(c.want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}
