//go:build linux

package fronts

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// The texts of the fronts are what their CIs take. GitLab's and CircleCI's are checked where they are run.

func TestTexts_areWhatTheirCIsTake(t *testing.T) {
	for file, schema := range map[string]string{
		"plugins/buildkite/plugin.yml":     "buildkite-plugin.yml",
		"azure/tailjoin.yml":               "azure.yml",
		"examples/azure-pipelines.yml":     "azure.yml",
		"examples/bitbucket-pipelines.yml": "bitbucket.yml",
	} {
		t.Run(file, func(t *testing.T) {
			check(t, readFile(t, "testdata/schemas/"+schema), document(t, readFile(t, filepath.Join(root, file))))
		})
	}
}

var yamlBlock = regexp.MustCompile("(?s)```yaml\n(.*?)```")

// Every example of the plugin is one that plugin.yml accepts, as Buildkite's plugin linter demands.
func TestTexts_examplesOfThePluginAreValid(t *testing.T) {
	var plugin struct{ Configuration any }
	readYAML(t, filepath.Join(root, "plugins/buildkite/plugin.yml"), &plugin)
	schema, err := yaml.Marshal(plugin.Configuration)
	if err != nil {
		t.Fatal(err)
	}
	example := readFile(t, filepath.Join(root, "examples/buildkite.yml"))
	examples := []string{example}
	for _, block := range yamlBlock.FindAllStringSubmatch(readFile(t, filepath.Join(root, "plugins/buildkite/README.md")), -1) {
		examples = append(examples, block[1])
	}
	if len(examples) < 3 || !strings.HasSuffix(example, examples[1]) {
		t.Error("the first example of plugins/buildkite/README.md is not examples/buildkite.yml")
	}
	for _, text := range examples {
		var pipeline struct {
			Steps []struct{ Plugins []map[string]any }
		}
		parseYAML(t, text, &pipeline)
		for name, config := range pipeline.Steps[0].Plugins[0] {
			if name != "https://github.com/tailjoin/tailjoin.git/plugins/buildkite#v1" {
				t.Errorf("an example uses %s", name)
			}
			check(t, string(schema), config)
		}
	}
}

func TestTexts_hooksCanBeRun(t *testing.T) {
	for _, name := range []string{"pre-command", "pre-exit"} {
		info, err := os.Stat(filepath.Join(root, "plugins/buildkite/hooks", name))
		if err != nil || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// Scripts in files are checked by scripts/check; these stand in YAML.
func TestTexts_scriptsInYAMLAreClean(t *testing.T) {
	if _, err := exec.LookPath("shellcheck"); err != nil {
		t.Skip("shellcheck is not installed (apt-get install shellcheck)")
	}
	var azure struct{ Steps []any }
	readYAML(t, filepath.Join(root, "azure/tailjoin.yml"), &azure)
	_, jobs, _ := strings.Cut(readFile(t, filepath.Join(root, "templates/tailjoin.yml")), "\n---\n")
	var gitlab map[string]map[string]any
	parseYAML(t, jobs, &gitlab)

	scripts := map[string]string{}
	for _, item := range azure.Steps {
		if step, ok := item.(map[string]any); ok {
			scripts["azure, "+step["displayName"].(string)] = "#!/bin/bash\n" + step["bash"].(string)
		}
	}
	for _, job := range gitlab {
		for _, part := range []string{"before_script", "after_script"} {
			scripts["gitlab, "+part] = "#!/bin/sh\nset -e\n" + strings.Join(texts(job[part].([]any)), "\n")
		}
	}
	if len(scripts) != 4 {
		t.Errorf("got %d scripts, want 4", len(scripts))
	}
	for name, text := range scripts {
		cmd := exec.CommandContext(t.Context(), "shellcheck", "-")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func texts(items []any) (texts []string) {
	for _, item := range items {
		texts = append(texts, item.(string))
	}
	return texts
}

// check fails the test unless the schema, in YAML, accepts the value.
func check(t *testing.T, schema string, value any) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("schema.json", document(t, schema)); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("schema.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := compiled.Validate(asJSON(t, value)); err != nil {
		t.Error(err)
	}
}

// document is a text of YAML as JSON would be read.
func document(t *testing.T, text string) any {
	t.Helper()
	var value any
	parseYAML(t, text, &value)
	return asJSON(t, value)
}

func asJSON(t *testing.T, value any) any {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	read, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return read
}
