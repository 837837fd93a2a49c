//go:build linux

package action

import (
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// checkout has the repository's files in the workspace. act takes them from where it runs.
const checkout = "uses: actions/checkout@v4"

// A spec is all that the workflow says, but for where this tailnet is.
func (w *world) withSpec() string {
	return `{ spec: corp, timeout: 40s, login-server: "` + w.ControlURL + `" }`
}

func specFile(allow string) map[string]string {
	return map[string]string{".tailjoin.hujson": `// what jobs here may do
{
	"specs": {
		"corp": {
			"oauth_client_id": "` + client + `", // the credential "ci"
			"tags": ["tag:ci"],
			"hostname": "{repository}-{job}",
			"allow": {` + allow + `},
		},
	},
}
`}
}

func TestRealAct_joinsByASpecInTheRepository(t *testing.T) {
	ours := releaseOf(t, program("dist"))
	w := newWorld(t)
	got := job{
		steps: []string{
			checkout, uses("tailnet", ours, w.withSpec()), runs(useTailnet),
			runs(`test "${{ steps.tailnet.outputs.hostname }}" = web-job`),
		},
		actions: []action{ours},
		env:     w.env(),
		others:  specFile(`"repositories": ["acme/*"], "branches": ["main"]`),
	}.run(t)
	if got.exit != 0 || !strings.Contains(got.log, "left the tailnet") {
		t.Errorf("act's exit status: got %d, want 0\n%s", got.exit, got.log)
	}
	w.wantNothingLeft(got)
}

// The variables are what GitHub keeps; act is given them. A workflow passes all of them, or the one that is needed.
func TestRealAct_joinsByASpecInVariables(t *testing.T) {
	ours := releaseOf(t, program("dist"))
	for name, specs := range map[string]string{
		"all": `${{ toJSON(vars) }}`,
		"one": `${{ format('{{"TAILJOIN_SPEC_CORP":{0}}}', toJSON(vars.TAILJOIN_SPEC_CORP)) }}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			with := "\n  spec: corp\n  specs: " + specs + "\n  timeout: 40s\n  login-server: " + w.ControlURL
			got := job{
				steps:   []string{uses("tailnet", ours, with), runs(useTailnet)},
				actions: []action{ours},
				env:     w.env(),
				vars: map[string]string{
					"TAILJOIN_SPEC_CORP": `{ "oauth_client_id": "` + client + `", "tags": ["tag:ci"], "allow": { "branches": ["main"] } }`, "OTHER": "x",
				},
			}.run(t)
			if got.exit != 0 || !strings.Contains(got.log, "left the tailnet") {
				t.Errorf("act's exit status: got %d, want 0\n%s", got.exit, got.log)
			}
			w.wantNothingLeft(got)
		})
	}
}

func TestRealAct_aSpecForAnotherBranchAsksNobody(t *testing.T) {
	ours := releaseOf(t, program("dist"))
	w := newWorld(t)
	got := job{
		steps:   []string{checkout, uses("tailnet", ours, w.withSpec())},
		actions: []action{ours},
		env:     w.env(),
		others:  specFile(`"branches": ["release/*"]`),
	}.run(t)
	if got.exit == 0 || !strings.Contains(got.log, "errors.md#spec-not-allowed") {
		t.Errorf("act's exit status: got %d, want a refusal\n%s", got.exit, got.log)
	}
	for _, e := range w.Events() {
		t.Errorf("the tailnet was asked: %v", e)
	}
	w.wantNothingLeft(got)
}

// An environment is in no variable: the ID token tells, and nothing but that is asked for.
func TestRealAct_aSpecForAnotherEnvironmentStartsNothing(t *testing.T) {
	ours := releaseOf(t, program("dist"))
	w := newWorld(t)
	got := job{
		steps:   []string{checkout, uses("tailnet", ours, w.withSpec())},
		actions: []action{ours},
		env:     w.env(),
		others:  specFile(`"environments": ["production"]`),
	}.run(t)
	if got.exit == 0 || !strings.Contains(got.log, "errors.md#spec-not-allowed") {
		t.Errorf("act's exit status: got %d, want a refusal\n%s", got.exit, got.log)
	}
	for _, e := range w.Events() {
		if e.Op != localtailnet.OpIDToken {
			t.Errorf("the tailnet was asked: %v", e)
		}
	}
	w.wantNothingLeft(got)
}
