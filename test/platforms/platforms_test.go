package platforms

import (
	"os"
	"strings"
	"testing"
)

func TestReadme_namesEachPlatform(t *testing.T) {
	readme, err := os.ReadFile("../../dist/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range All(t, "../..") {
		if name := p.OS + "/" + p.Arch; !strings.Contains(string(readme), "`"+name+"`") {
			t.Errorf("dist/README.md does not name %s", name)
		}
	}
}
