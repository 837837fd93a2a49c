package trust

import (
	"fmt"
	"strings"

	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// Workflow is what to write where the workload's jobs are described. spec is
// the name of the spec that the repository has for them; "" is none.
func (w Workload) Workflow(c tsapi.Credential, spec string) string {
	write := map[string]func(tsapi.Credential, string, string) string{
		"github": githubWorkflow, "forgejo": forgejoWorkflow, "gitlab": gitlabWorkflow, "buildkite": buildkiteWorkflow,
	}[w.Platform]
	if write == nil {
		write = anyWorkflow
	}
	return write(c, spec, w.Where.Environment)
}

func githubWorkflow(c tsapi.Credential, spec, environment string) string {
	var b strings.Builder
	b.WriteString("permissions: { id-token: write, contents: read }\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n")
	if environment != "" {
		fmt.Fprintf(&b, "    environment: %q\n", environment)
	}
	if strings.HasSuffix(c.Issuer, "/_services/token") { // an Enterprise Server
		return b.String() + actionSteps(c, spec, "actions/checkout@v4", "tailjoin/tailjoin/node@v1")
	}
	return b.String() + actionSteps(c, spec, "actions/checkout@v5", "tailjoin/tailjoin@v1")
}

// forgejoWorkflow: its runners fetch an action of another server by the whole
// address, and know no `uses: $/…`.
func forgejoWorkflow(c tsapi.Credential, spec, _ string) string {
	return "enable-openid-connect: true\njobs:\n  deploy:\n    runs-on: docker\n" +
		actionSteps(c, spec, "actions/checkout@v4", "https://github.com/tailjoin/tailjoin/node@v1")
}

// actionSteps are the steps of a job that joins by an action: with a spec it
// needs the repository first.
func actionSteps(c tsapi.Credential, spec, checkout, action string) string {
	if spec != "" {
		return "    steps:\n      - uses: " + checkout + " # the spec is a file of the repository\n" +
			"      - uses: " + action + "\n        with: { spec: " + spec + " }\n"
	}
	return "    steps:\n      - uses: " + action + "\n        with:\n" + inputs(c, "          ")
}

// inputs are those of a join by c, as YAML.
func inputs(c tsapi.Credential, indent string) string {
	text := fmt.Sprintf("%soauth-client-id: %s\n%stags: %q\n", indent, c.ID, indent, strings.Join(c.Tags, ","))
	if c.Audience != "" && c.Audience != "api.tailscale.com/"+c.ID {
		text += fmt.Sprintf("%saudience: %q\n", indent, c.Audience)
	}
	return text
}

// gitlabWorkflow: the audience of GitLab's token is in YAML, so the client ID
// has to be there, too.
func gitlabWorkflow(c tsapi.Credential, _, environment string) string {
	text := "include:\n  - component: $CI_SERVER_FQDN/tailjoin/tailjoin/tailjoin@1.0.0\n    inputs:\n" + inputs(c, "      ") +
		"deploy:\n  extends: .tailjoin\n"
	if environment != "" {
		text += fmt.Sprintf("  environment: %q\n", environment)
	}
	return text + "  script: curl http://my-server/\n"
}

func buildkiteWorkflow(c tsapi.Credential, _, _ string) string {
	return "steps:\n  - command: curl http://my-server/\n    plugins:\n" +
		"      - https://github.com/tailjoin/tailjoin.git/plugins/buildkite#v1:\n" + inputs(c, "          ")
}

func anyWorkflow(c tsapi.Credential, spec, _ string) string {
	if spec != "" {
		return "tailjoin join --spec " + spec + "\n"
	}
	text := fmt.Sprintf("tailjoin join --oauth-client-id %s --tags %s", c.ID, strings.Join(c.Tags, ","))
	if c.Audience != "" && c.Audience != "api.tailscale.com/"+c.ID {
		text += " --audience " + c.Audience
	}
	return text + "\n"
}
