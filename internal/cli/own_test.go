package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/tailjoin/tailjoin/internal/ci"
)

var hiddenInput = regexp.MustCompile(`hidden\{[^}]*\}, "([^"]+)"`)

// Every command declares inputs of its own, so this looks where they do.
func TestOwn_isEverySecretInput(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := []string{"TAILJOIN_ARGS", "TAILJOIN_ID_TOKEN_BODY"} // there may be one in it
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range hiddenInput.FindAllSubmatch(source, -1) {
			if name := string(m[1]); name != "specs" { // hidden, for it is long
				seen = append(seen, ci.Variable(name))
			}
		}
	}
	slices.Sort(seen)
	want := slices.Sorted(slices.Values(own))
	if got := slices.Compact(seen); !slices.Equal(got, want) {
		t.Errorf("the secret inputs are %v, and those that no program gets %v", got, want)
	}
}
