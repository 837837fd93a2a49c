//go:build linux

package sts

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// A recipe is what docs/token-service.md says of one that gets tokens.
type recipe struct {
	tokens    string   // this part of the service's configuration
	audiences []string // that the policy file grants
}

// recipeFor reads the section with a heading: the first configuration in it, and the grant.
func recipeFor(t *testing.T, heading string) (r recipe) {
	t.Helper()
	var config struct {
		Tokens yaml.Node `yaml:"tokens"`
	}
	if err := yaml.Unmarshal([]byte(sample(t, heading, "yaml", "tokens:")), &config); err != nil {
		t.Fatal(err)
	}
	tokens, err := yaml.Marshal(map[string]*yaml.Node{"tokens": &config.Tokens})
	if err != nil {
		t.Fatal(err)
	}
	var grant struct {
		App map[string][]struct{ AllowedAudiences []string }
	}
	if err := json.Unmarshal([]byte(sample(t, heading, "json", `"app"`)), &grant); err != nil {
		t.Fatal(err)
	}
	return recipe{string(tokens), grant.App["tailjoin.github.io/cap/sts"][0].AllowedAudiences}
}

var block = regexp.MustCompile("(?ms)^( *)```([a-z]+)\n(.*?)^ *```$")

// sample is the first block of a section in a language that has these words.
func sample(t *testing.T, heading, language, words string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(root, "docs/token-service.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(raw), "\n### "+heading+"\n")
	if !ok {
		t.Fatalf("there is no section %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n### ")
	for _, found := range block.FindAllStringSubmatch(section, -1) {
		if found[2] == language && strings.Contains(found[3], words) {
			return strings.ReplaceAll("\n"+found[3], "\n"+found[1], "\n")[1:]
		}
	}
	t.Fatalf("%s: there is no sample in %s with %q", heading, language, words)
	return ""
}
