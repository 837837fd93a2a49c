//go:build linux

package fronts

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
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
	a := &azureAgent{t: w.t, temp: shortDir(w.t)}
	a.variables = map[string]string{
		"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": a.temp, "AGENT_TOOLSDIRECTORY": shortDir(w.t), "BUILD_BUILDID": "12",
		"BUILD_REPOSITORY_NAME": "acme/web", "BUILD_SOURCEBRANCH": "refs/heads/main", "SYSTEM_COLLECTIONURI": "https://dev.azure.com/acme/",
		"SYSTEM_TEAMPROJECT": "web", "SYSTEM_JOBATTEMPT": "1", "SYSTEM_PHASENAME": "deploy", "SYSTEM_JOBNAME": "__default",
		"SYSTEM_OIDCREQUESTURI": w.azureTokens(), "PATH": w.env["PATH"],
	}
	// The map is the agent's, which adds to it between the steps.
	shell := []string{"bash", "--noprofile", "--norc"}
	got := w.runSteps(azureSteps(w.t, given), a.variables, shell, a.obey, cancelling{cancel, 1, unix.SIGINT, 7500 * time.Millisecond})
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

// An azureAgent keeps the variables of a job.
type azureAgent struct {
	t         *testing.T
	temp      string
	variables map[string]string
}

var loggingCommand = regexp.MustCompile(`(?m)^.*##vso\[task\.(\w+) ?([^\]]*)\](.*)$`)

// obey does what a step's logging commands ask for: https://learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands.
func (a *azureAgent) obey(said string) {
	for _, m := range loggingCommand.FindAllStringSubmatch(said, -1) {
		command, properties, value := m[1], strings.Split(m[2], ";"), azureText.Replace(m[3])
		switch command {
		case "setvariable":
			if name, _ := strings.CutPrefix(properties[0], "variable="); !slices.Contains(properties, "isOutput=true") {
				a.variables[strings.ToUpper(strings.ReplaceAll(name, ".", "_"))] = value
			}
		case "prependpath":
			a.variables["PATH"] = value + ":" + a.variables["PATH"]
		case "setsecret", "logissue", "uploadsummary":
		default:
			a.t.Errorf("the agent knows no command %s", command)
		}
	}
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
	return step{script: item["bash"].(string), env: variables, always: item["condition"] == "always()"}
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
