package cli

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/idtoken"
)

// snippet is a place in a page that shows a file of this repository: other
// tests run it.
var snippet = regexp.MustCompile(`(?s)<!-- snippet: (\S+) -->\n(.*?)<!-- /snippet -->`)

func TestSnippets_showTheFiles(t *testing.T) {
	shown := 0
	for _, page := range pages(t) {
		raw, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		text := snippet.ReplaceAllStringFunc(string(raw), func(block string) string {
			shown++
			found := snippet.FindStringSubmatch(block)
			return fmt.Sprintf("<!-- snippet: %s -->\n%s<!-- /snippet -->", found[1], fenced(t, found[1]))
		})
		if text == string(raw) {
			continue
		}
		if !*update {
			t.Errorf("%s does not show the files as they are; go test ./internal/cli -update writes it (-page +files):\n%s", page, cmp.Diff(string(raw), text))
			continue
		}
		if err := os.WriteFile(page, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if shown == 0 {
		t.Error("no page has a snippet")
	}
}

// pages are the repository's Markdown files.
func pages(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if name := entry.Name(); entry.IsDir() && path != "../.." && (strings.HasPrefix(name, ".") || name == "node_modules") {
			return filepath.SkipDir
		}
		if filepath.Ext(path) == ".md" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// fenced is a file as a page shows it.
func fenced(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../..", file))
	if err != nil {
		t.Error(err)
	}
	text := strings.TrimPrefix(string(raw), "#!/bin/sh\n")
	language := map[string]string{".yml": "yaml", ".yaml": "yaml", ".sh": "sh"}[filepath.Ext(file)]
	return "```" + language + "\n" + text + "```\n"
}

func TestIdentityProviders_listTheSources(t *testing.T) {
	part{"docs/identity-providers.md", "<!-- sources: go test ./internal/cli -update -->\n", "<!-- /sources -->", sourcesTable}.compare(t)
}

func sourcesTable() string {
	var b strings.Builder
	b.WriteString("| source | platform | audience | issuer | subject, for instance |\n| --- | --- | --- | --- | --- |\n")
	for _, s := range idtoken.Sources() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", s.Name, s.Title, audienceOf(s), code(s.Trust.Issuer), code(s.Trust.Subject))
	}
	return b.String()
}

func audienceOf(s idtoken.Source) string {
	switch {
	case s.Audience == idtoken.Fixed:
		return "always `" + s.Trust.Audience + "`"
	case s.Audience == idtoken.Configured:
		return "set in the pipeline"
	case s.Trust.Audience != "":
		return "asked for: `" + s.Trust.Audience + "`"
	default:
		return "asked for"
	}
}

// code marks what is to be copied; words are left as they are.
func code(text string) string {
	if strings.Contains(text, " ") {
		return text
	}
	return "`" + text + "`"
}
