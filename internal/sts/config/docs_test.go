package config_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/sts/config"
)

const page = "docs/token-service.md"

func TestDocs_haveEverySetting(t *testing.T) {
	var b strings.Builder
	b.WriteString("| setting | meaning | default |\n| --- | --- | --- |\n")
	for _, s := range config.Settings() {
		name, value := "`"+s.Key()+"`", ""
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		if usual := config.Flag(s.Path); !s.Secret && s.Flag() != usual {
			name += ", `--" + s.Flag() + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, s.Help, value)
	}
	diagtest.Generated(t, page, "<!-- settings: go test ./internal/sts/config -update -->", "<!-- /settings -->", b.String())
}

// Every configuration that the page shows can be used as it stands.
func TestDocs_showConfigurationsThatLoad(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", filepath.FromSlash(page)))
	if err != nil {
		t.Fatal(err)
	}
	shown := 0
	parts := strings.Split(string(raw), "```yaml\n")
	for i, part := range parts {
		if i == 0 || strings.HasSuffix(parts[i-1], ".yml -->\n") { // a workflow, which has tests of its own
			continue
		}
		sample, _, _ := strings.Cut(part, "```")
		if strings.HasPrefix(sample, "   ") { // in a list
			sample = strings.ReplaceAll("\n"+sample, "\n   ", "\n")
		}
		shown++
		if _, err := load(t, sample); err != nil {
			t.Errorf("%v\n%s", err, sample)
		}
	}
	if shown < 2 {
		t.Errorf("the page shows %d configurations", shown)
	}
}
