//go:build linux

package fronts

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// No program of Azure Pipelines can be had here. Its template is filled in as the service does it, and its steps are run as the
// agent runs them: each by bash, with the variables that the ones before it set by logging commands.

const azureAudience = "api://AzureADTokenExchange"

var onAzure = identity{
	audience: azureAudience,
	subject:  "p://acme/web/deploy",
	claims:   map[string]any{"aud": azureAudience, "sub": "p://acme/web/deploy", "org_id": "7f1b1f3e-5d6c-4f0e-9a44-8a6a4f9b0e61", "rpo_ref": "refs/heads/main"},
}

func TestAzure_example(t *testing.T) {
	w := newWorld(t, onAzure)
	w.azure(w.azureExample(), nil).want(t, 0, greeting, "left the tailnet")
	w.wantJoins(1)
	w.wantNothingLeft()
}

func TestAzure_withoutAnInterface(t *testing.T) {
	w := newWorld(t, onAzure)
	given := w.azureExample()
	given["network"], given["proxy-env"] = "userspace", true
	w.azure(given, nil).want(t, 0, greeting, "left the tailnet")
	w.wantNothingLeft()
}

func TestAzure_keepsTheCommandsStatus(t *testing.T) {
	w := newWorld(t, onAzure)
	given := w.azureExample()
	given["steps"] = append(given["steps"].([]any), map[string]any{"bash": "exit 3"}, map[string]any{"bash": "echo afterwards"})
	got := w.azure(given, nil)
	got.want(t, 3, greeting, "left the tailnet")
	if strings.Contains(got.log, "afterwards") {
		t.Error("a step after the failed one ran")
	}
	w.wantNothingLeft()
}

func TestAzure_aRefusedJobRunsNoCommand(t *testing.T) {
	w := newWorld(t, onAzure)
	given := w.azureExample()
	given["audience"] = "of-somebody-else"
	got := w.azure(given, nil)
	got.want(t, 1, "audience", "nothing to leave")
	if strings.Contains(got.log, greeting) {
		t.Error("its command ran")
	}
	w.wantNothingLeft()
}

// A secret is no parameter: it comes by the environment, in which it is for our steps alone.
func TestAzure_byAnAuthKey(t *testing.T) {
	w := newWorld(t, onAzure)
	given := w.azureExample()
	given["oauth-client-id"], given["audience"] = "", ""
	given["env"] = map[string]any{"TAILJOIN_AUTHKEY": w.authKey()}
	given["steps"] = []any{map[string]any{"bash": `curl --fail http://my-server/ && test -z "$TAILJOIN_AUTHKEY"`}}
	w.azure(given, nil).want(t, 0, greeting, "left the tailnet")
	w.wantNothingLeft()
}

// A step that prints text of unknown origin sets any variable. None of them decides which program leaves, or where it sends a
// secret.
func TestAzure_leavesAsTheTemplateSaysWhateverAStepSets(t *testing.T) {
	w := newWorld(t, onAzure)
	stranger := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { t.Errorf("the stranger is asked for %s", r.URL) }))
	t.Cleanup(stranger.Close)
	program := filepath.Join(shortDir(t), "program")
	writeFile(t, program, "#!/bin/sh\necho the program of a stranger\n")
	if err := os.Chmod(program, 0o755); err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for name, value := range map[string]string{
		"tailjoin.program": program, "Tailjoin Program": program, "TAILJOIN_API_URL": stranger.URL, "tailjoin.api.url": stranger.URL,
		"TAILJOIN_LOGIN_SERVER": stranger.URL, "TAILJOIN_OAUTH_CLIENT_ID": "another", "TAILJOIN_ID_TOKEN_SOURCE": "command:" + program,
		"system_oidcrequesturi": stranger.URL,
	} {
		fmt.Fprintf(&text, "##vso[task.setvariable variable=%s]%s\n", name, value)
	}
	given := w.azureExample()
	given["steps"] = []any{map[string]any{"bash": "cat <<'END'\n" + text.String() + "END"}}
	got := w.azure(given, nil)
	got.want(t, 0, "left the tailnet")
	if strings.Contains(got.log, "the program of a stranger") {
		t.Error("the program of a stranger ran")
	}
	w.wantNothingLeft()
}

// The agent refuses to change a read-only variable, and fails the step that tries to.
func TestAzure_keepsItsProgram(t *testing.T) {
	w := newWorld(t, onAzure)
	given := w.azureExample()
	given["steps"] = []any{map[string]any{"bash": "echo '##vso[task.setvariable variable=tailjoin_program;isreadonly=true]/bin/false'"}}
	w.azure(given, nil).want(t, 1, "Overwriting readonly variable", "left the tailnet")
	w.wantNothingLeft()
}

// A cancelled step is interrupted: one process of it, the shell. Then the last step runs.
func TestAzure_cancelledWhileItJoins(t *testing.T) {
	w := newWorld(t, onAzure)
	if err := w.SetFault(localtailnet.OpRegister, localtailnet.Fault{Hang: true}); err != nil {
		t.Fatal(err)
	}
	met := w.hit(localtailnet.OpRegister)
	got := w.azure(w.azureExample(), func() {
		<-met
		w.SetFault(localtailnet.OpRegister, localtailnet.Fault{})
	})
	got.want(t, 1, "the join was cancelled")
	w.wantNothingLeft()
}

// azureExample are the parameters in the example, with this tailnet's credential.
func (w *world) azureExample() map[string]any {
	w.t.Helper()
	var pipeline struct {
		Steps []struct{ Parameters map[string]any }
	}
	readYAML(w.t, filepath.Join(root, "examples/azure-pipelines.yml"), &pipeline)
	given := pipeline.Steps[0].Parameters
	given["oauth-client-id"], given["login-server"] = client, w.ControlURL
	return given
}

// azure runs a job with the template of the release.
func (w *world) azure(given map[string]any, cancel func()) result {
	w.t.Helper()
	a := &azureAgent{t: w.t, path: w.env["PATH"]}
	for name, value := range map[string]string{
		"TF_BUILD": "True", "Agent.TempDirectory": shortDir(w.t), "Agent.ToolsDirectory": shortDir(w.t), "Build.BuildId": "12",
		"Build.Repository.Name": "acme/web", "Build.SourceBranch": "refs/heads/main", "System.CollectionUri": "https://dev.azure.com/acme/",
		"System.TeamProject": "web", "System.JobAttempt": "1", "System.PhaseName": "deploy", "System.JobName": "__default",
		"System.OidcRequestUri": w.azureTokens(),
	} {
		a.variables = append(a.variables, azureVariable{name, value, true})
	}
	agent := stepAgent{[]string{"bash", "--noprofile", "--norc"}, a.prepare, a.obey}
	got := w.runSteps(azureSteps(w.t, given), agent, cancelling{cancel, 1, unix.SIGINT, 7500 * time.Millisecond})
	return w.withoutSecrets(got, loggingCommand)
}

// azureTokens is the service that gives ID tokens to pipelines: https://learn.microsoft.com/rest/api/azure/devops/distributedtask/oidctoken.
func (w *world) azureTokens() string {
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Query().Get("api-version") == "" || r.Header.Get("Authorization") != "Bearer "+accessToken {
			http.Error(rw, "no", http.StatusUnauthorized)
			return
		}
		json.NewEncoder(rw).Encode(map[string]string{"oidcToken": w.token})
	}))
	w.t.Cleanup(s.Close)
	return s.URL + "/acme/_apis/distributedtask/hubs/build/plans/1/jobs/1/oidctoken"
}

// An azureAgent keeps the variables of a job, in the order in which they were set.
type azureAgent struct {
	t         *testing.T
	path      string // PATH
	variables []azureVariable
}

type azureVariable struct {
	name, value string
	readOnly    bool
}

var loggingCommand = regexp.MustCompile(`(?m)^.*##vso\[task\.(\w+) ?([^\]]*)\](.*)$`)

// obey does what a step's logging commands ask for: https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands.
func (a *azureAgent) obey(said string) error {
	var failed error
	for _, m := range loggingCommand.FindAllStringSubmatch(said, -1) {
		command, properties, value := m[1], strings.Split(m[2], ";"), azureText.Replace(m[3])
		switch command {
		case "setvariable":
			if name, _ := strings.CutPrefix(properties[0], "variable="); !slices.Contains(properties, "isOutput=true") {
				failed = errors.Join(failed, a.set(azureVariable{name, value, slices.Contains(properties, "isreadonly=true")}))
			}
		case "prependpath":
			a.path = value + ":" + a.path
		case "setsecret", "logissue", "uploadsummary":
		default:
			a.t.Errorf("the agent knows no command %s", command)
		}
	}
	return failed
}

// set refuses to change a read-only variable. Only the name itself is protected: "a.b" is another variable than "A_B".
// Source: https://github.com/microsoft/azure-pipelines-yaml/blob/master/design/readonly-variables.md;
// microsoft/azure-pipelines-agent, pull request 5665.
func (a *azureAgent) set(v azureVariable) error {
	i := a.find(v.name)
	switch {
	case i >= 0 && a.variables[i].readOnly:
		return fmt.Errorf("##[error]Overwriting readonly variable '%s' is not permitted", v.name)
	case i >= 0:
		a.variables = slices.Delete(a.variables, i, i+1)
	}
	a.variables = append(a.variables, v)
	return nil
}

func (a *azureAgent) find(name string) int {
	return slices.IndexFunc(a.variables, func(v azureVariable) bool { return strings.EqualFold(v.name, name) })
}

var azureMacro = regexp.MustCompile(`\$\(([\w.]+)\)`)

// prepare fills in the macros. In the environment a variable wins over the step's own value, and of two variables with the
// same name there either may win. Here the one that was set last wins.
// Source: microsoft/azure-pipelines-agent, issue 3091 and AddVariablesToEnvironment in src/Agent.Worker/Handlers/Handler.cs.
func (a *azureAgent) prepare(s step) (script string, env map[string]string) {
	env = maps.Clone(s.env)
	if env == nil {
		env = map[string]string{}
	}
	for _, v := range a.variables {
		env[strings.ToUpper(strings.NewReplacer(".", "_", " ", "_").Replace(v.name))] = v.value
	}
	env["PATH"] = a.path
	return azureMacro.ReplaceAllStringFunc(s.script, func(macro string) string {
		if i := a.find(azureMacro.FindStringSubmatch(macro)[1]); i >= 0 {
			return a.variables[i].value
		}
		return macro
	}), env
}

var azureText = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%AZP25", "%")

var (
	azureParameter = regexp.MustCompile(`\$\{\{ parameters\[?'?\.?([\w-]+)'?\]? \}\}`)
	azureEach      = "${{ each pair in parameters.env }}"
)

// azureSteps is what the service makes of the template.
func azureSteps(t *testing.T, given map[string]any) (flat []step) {
	t.Helper()
	var template azureTemplate
	readYAML(t, filepath.Join(have(t, "release"), "azure/tailjoin.yml"), &template)
	parameters := template.with(t, given)
	for _, item := range template.Steps {
		if item == "${{ parameters.steps }}" {
			for _, item := range parameters["steps"].([]any) {
				flat = append(flat, step{script: item.(map[string]any)["bash"].(string)})
			}
			continue
		}
		flat = append(flat, azureStep(t, item.(map[string]any), parameters))
	}
	return flat
}

func azureStep(t *testing.T, item, parameters map[string]any) step {
	t.Helper()
	env := maps.Clone(item["env"].(map[string]any))
	if _, ok := env[azureEach]; !ok {
		t.Fatalf("the step %s has no place for secrets", item["displayName"])
	}
	delete(env, azureEach)
	env = fill(t, env, azureParameter, parameters).(map[string]any)
	maps.Copy(env, parameters["env"].(map[string]any))
	variables := environment(env)
	if variables["SYSTEM_ACCESSTOKEN"] != "$(System.AccessToken)" {
		t.Fatalf("the step %s has no access token", item["displayName"])
	}
	variables["SYSTEM_ACCESSTOKEN"] = accessToken
	script := fill(t, item["bash"], azureParameter, parameters).(string)
	return step{script: script, env: variables, always: item["condition"] == "always()"}
}

// An azureTemplate is one of steps.
type azureTemplate struct {
	Parameters []struct {
		Name, Type string
		Default    any
		Values     []any
	}
	Steps []any
}

// with are the template's parameters in one use of it. An unknown or mistyped one fails the test, as it does the pipeline.
func (a azureTemplate) with(t *testing.T, given map[string]any) map[string]any {
	t.Helper()
	parameters, left := map[string]any{}, maps.Clone(given)
	for _, p := range a.Parameters {
		value, ok := left[p.Name]
		if !ok {
			value = p.Default
		}
		delete(left, p.Name)
		_, text := value.(string)
		_, truth := value.(bool)
		if text != (p.Type == "string") || truth != (p.Type == "boolean") || p.Values != nil && !slices.Contains(p.Values, value) {
			t.Fatalf("parameter %s cannot be %#v: %+v", p.Name, value, p)
		}
		if truth { // as the service writes it
			value = map[bool]string{true: "True", false: "False"}[value.(bool)]
		}
		parameters[p.Name] = value
	}
	if len(left) > 0 {
		t.Fatalf("there are no parameters %v", left)
	}
	return parameters
}
