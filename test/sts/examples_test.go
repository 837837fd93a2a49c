//go:build linux

package sts

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/test/sts/world"
	"go.yaml.in/yaml/v3"
)

const examples = root + "/examples/token-service"

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// wantConfiguration has the program check a configuration, as it stands.
func wantConfiguration(t *testing.T, config []byte) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(name, config, 0o600); err != nil {
		t.Fatal(err)
	}
	programs, _ := world.Kept()
	if out, err := exec.CommandContext(t.Context(), programs.Service, "config", "--config", name).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestExamples_theConfigurationCanBeUsed(t *testing.T) {
	wantConfiguration(t, readFile(t, examples+"/config.yaml"))
}

// systemd reads the unit, and says what a service could still do that runs by it: 0 is nothing, 10 is everything.
func TestExamples_systemdTakesTheUnit(t *testing.T) {
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd is not here")
	}
	programs, _ := world.Kept()
	if err := os.WriteFile("/usr/local/bin/tailjoin-sts", readFile(t, programs.Service), 0o755); err != nil { // this machine's own
		t.Fatal(err)
	}
	unit := examples + "/tailjoin-sts.service"
	if out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%v\n%s", err, out)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=20", unit).CombinedOutput()
	if err != nil {
		t.Errorf("its exposure is more than 2.0: %v\n%s", err, out)
	}
}

// The unit's directories are those of the configuration beside it.
func TestExamples_theUnitHasWhatTheConfigurationUses(t *testing.T) {
	unit, config := string(readFile(t, examples+"/tailjoin-sts.service")), string(readFile(t, examples+"/config.yaml"))
	for directory, parent := range map[string]string{"StateDirectory": "/var/lib/", "LogsDirectory": "/var/log/"} {
		name := regexp.MustCompile(`(?m)^` + directory + `=(.*)$`).FindStringSubmatch(unit)[1]
		if !strings.Contains(config, parent+name+"/") {
			t.Errorf("%s=%s is not used", directory, name)
		}
	}
	for _, path := range regexp.MustCompile(`/var/[^ "]*`).FindAllString(config, -1) {
		if !strings.HasPrefix(path, "/var/lib/tailjoin-sts/") && !strings.HasPrefix(path, "/var/log/tailjoin-sts/") {
			t.Errorf("the unit may not write %s", path)
		}
	}
}

// readYAML has the names of JSON, whatever their case.
func readYAML(t *testing.T, text []byte, v any) {
	t.Helper()
	var document any
	err := yaml.Unmarshal(text, &document)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(document)
	if err == nil {
		err = json.Unmarshal(raw, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What a mistake in the manifest would be likely to be about: names that belong together.
func TestExamples_theManifestFitsTogether(t *testing.T) {
	var config struct {
		Data map[string]string
	}
	var set struct {
		Spec struct {
			Selector struct{ MatchLabels map[string]string }
			Template struct {
				Metadata struct{ Labels map[string]string }
				Spec     struct {
					Containers []struct {
						Args         []string
						Env          []struct{ Name, Value string }
						Ports        []struct{ Name string }
						VolumeMounts []struct{ Name, MountPath string }
					}
					Volumes []struct{ Name string }
				}
			}
			VolumeClaimTemplates []struct{ Metadata struct{ Name string } }
		}
	}
	documents := bytes.Split(readFile(t, examples+"/kubernetes.yaml"), []byte("\n---\n"))
	if len(documents) != 2 {
		t.Fatalf("there are %d documents", len(documents))
	}
	readYAML(t, documents[0], &config)
	readYAML(t, documents[1], &set)
	wantConfiguration(t, []byte(config.Data["config.yaml"]))
	for name, value := range set.Spec.Selector.MatchLabels {
		if set.Spec.Template.Metadata.Labels[name] != value {
			t.Errorf("no pod has the label %s: %s", name, value)
		}
	}
	volumes := []string{}
	for _, v := range set.Spec.Template.Spec.Volumes {
		volumes = append(volumes, v.Name)
	}
	for _, c := range set.Spec.VolumeClaimTemplates {
		volumes = append(volumes, c.Metadata.Name)
	}
	container, mounts := set.Spec.Template.Spec.Containers[0], []string{}
	for _, m := range container.VolumeMounts {
		if !slices.Contains(volumes, m.Name) {
			t.Errorf("there is no volume %s", m.Name)
		}
		mounts = append(mounts, m.MountPath+"/")
	}
	paths := regexp.MustCompile(`/[a-z]+/[a-z.]+`).FindAllString(config.Data["config.yaml"]+strings.Join(container.Args, " ")+" "+container.Env[0].Value, -1)
	for _, path := range paths {
		if !slices.ContainsFunc(mounts, func(mount string) bool { return strings.HasPrefix(path, mount) }) {
			t.Errorf("nothing is mounted for %s, but at %v", path, mounts)
		}
	}
	if len(paths) < 4 || len(container.Ports) == 0 || container.Ports[0].Name != "ops" {
		t.Errorf("this looks at %v and %v", paths, container.Ports)
	}
}
