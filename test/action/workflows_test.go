//go:build linux

package action

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// actionlint checks what workflows mean; these rules are about what they may do.

var foreign = regexp.MustCompile(`(?m)^\s+(?:- )?uses: ([^.$\s]\S*)(.*)$`)

func TestWorkflows_pinByCommit(t *testing.T) {
	pin := regexp.MustCompile(`^[\w-]+/[\w/-]+@[0-9a-f]{40}$`)
	release := regexp.MustCompile(`^ # v\d+\.\d+\.\d+$`)
	for name, text := range workflows(t) {
		for _, found := range foreign.FindAllStringSubmatch(text, -1) {
			if !pin.MatchString(found[1]) || !release.MatchString(found[2]) {
				t.Errorf("%s: %s; want OWNER/REPO@SHA # vX.Y.Z", name, found[0])
			}
		}
	}
}

func TestWorkflows_grantNothingToAllJobs(t *testing.T) {
	for name, text := range withExamples(t) {
		if name == "examples/github/forgejo.yml" { // Forgejo has no permissions
			continue
		}
		if !strings.Contains(text, "\npermissions: {}\n") {
			t.Errorf("%s has no top-level permissions: {}", name)
		}
	}
}

func TestWorkflows_keepNoCredentialsInTheCheckout(t *testing.T) {
	for name, text := range workflows(t) {
		if strings.Count(text, "uses: actions/checkout@") != strings.Count(text, "persist-credentials: false") {
			t.Errorf("%s: a checkout without persist-credentials: false", name)
		}
	}
}

// An expression in a script is text that is pasted into it: the name of a branch is code there.
func TestWorkflows_pasteNothingIntoScripts(t *testing.T) {
	for name, text := range withExamples(t) {
		for _, line := range scriptLines(text) {
			if strings.Contains(line, "${{") {
				t.Errorf("%s: an expression in a script: %s", name, line)
			}
		}
	}
}

var runKey = regexp.MustCompile(`^( *(?:- )?)run: `)

// scriptLines returns the lines with run: and those below it that are further in.
func scriptLines(text string) (lines []string) {
	indent := -1 // of the run: that we are in, if any
	for line := range strings.Lines(text) {
		if m := runKey.FindString(line); m != "" {
			indent = strings.Index(line, "run: ")
			lines = append(lines, line)
		} else if in := len(line) - len(strings.TrimLeft(line, " ")); indent >= 0 && in > indent {
			lines = append(lines, line)
		} else {
			indent = -1
		}
	}
	return lines
}

// workflows returns the texts of our workflows by path.
func workflows(t *testing.T) map[string]string {
	t.Helper()
	return texts(t, ".github/workflows/*.yml")
}

// withExamples are those, and what others are to copy.
func withExamples(t *testing.T) map[string]string {
	t.Helper()
	return texts(t, ".github/workflows/*.yml", "examples/github/*.yml", "workflow-templates/*.yml")
}

func texts(t *testing.T, patterns ...string) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, pattern := range patterns {
		names, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("no %s found: %v", pattern, err)
		}
		for _, name := range names {
			path, err := filepath.Rel(root, name)
			if err != nil {
				t.Fatal(err)
			}
			texts[path] = readFile(t, name)
		}
	}
	return texts
}
