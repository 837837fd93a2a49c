package tailscaled

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"tailscale.com/clientupdate/distsign"
)

// The module hands out no way to its roots, so ours are a copy.
func TestTailscaleRoots_areThoseOfTheModule(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-f", "{{.Dir}}", "tailscale.com/clientupdate/distsign").Output()
	if errors.Is(err, exec.ErrNotFound) {
		t.Skip("Go is not there to ask where the module is")
	}
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(out)), "roots", "*.pem"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		want = append(want, keysIn(t, content)...)
	}
	got := keysIn(t, tailscaleRoots)
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("roots.pem (-module +ours):\n%s", diff)
	}
}

func keysIn(t *testing.T, bundle []byte) (keys []string) {
	t.Helper()
	parsed, err := distsign.ParseRootKeyBundle(bundle)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range parsed {
		keys = append(keys, string(key))
	}
	return keys
}

func TestKnown_tableInTheTree(t *testing.T) {
	versions, err := parseKnown(knownJSON)
	if err != nil {
		t.Fatal(err)
	}
	for version, files := range versions {
		for file, sum := range files {
			if !isSHA256(sum) || !strings.Contains(file, "_"+version+"_") && !strings.Contains(file, "-"+version+"-") {
				t.Errorf("%s: %s: %q is not the sum of a file of this version", version, file, sum)
			}
		}
	}
	again, err := json.MarshalIndent(versions, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	if string(again)+"\n" != string(knownJSON) {
		t.Error("known.json is not as scripts/known-sums writes it")
	}
}
