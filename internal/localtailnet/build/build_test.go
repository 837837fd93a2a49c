package build

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Ours is a reading of cmd/featuretags, which the release is built with.
func TestTags_areThoseOfTheOfficialTool(t *testing.T) {
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(filepath.Join(root, featuresFile))
	if err != nil {
		t.Fatal(err)
	}
	names := features(string(list))
	var add []string
	for _, name := range names {
		add = append(add, string(name))
	}
	cmd := exec.CommandContext(t.Context(), "go", "run", "tailscale.com/cmd/featuretags", "--min", "--add="+strings.Join(add, ","))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.TrimSpace(string(out)), tags(names)); diff != "" {
		t.Errorf("(-featuretags +ours):\n%s", diff)
	}
}

func TestDaemon_saysItsVersion(t *testing.T) {
	daemon, err := Daemon(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	cli := filepath.Join(filepath.Dir(daemon), "tailscale")
	for name, cmd := range map[string]*exec.Cmd{
		"daemon": exec.Command(daemon, "--version"),
		"CLI":    exec.Command(cli, "version"),
	} {
		out, err := cmd.CombinedOutput()
		if first, _, _ := strings.Cut(string(out), "\n"); err != nil || first != Version() {
			t.Errorf("%s: got %q, %v; want %s", name, out, err, Version())
		}
	}
}
