package diagtest

import (
	"go/ast"
	"go/token"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestErrorsPage_hasAHeadingForEveryCode(t *testing.T) {
	codes := codesInSources(t)
	want := slices.Sorted(maps.Keys(codes))
	got := slices.Sorted(slices.Values(readPage(t, pagePath(t)).codes))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("headings of docs/errors.md (-code +heading):\n%s\nthe codes stand here: %v", d, codes)
	}
}

func TestErrorsPage_hasASampleOfEveryCodeThatATestRenders(t *testing.T) {
	p := readPage(t, pagePath(t))
	rendering := callers(t)
	sampled := map[string]bool{}
	for _, b := range p.blocks {
		sampled[b.code] = true
		if !slices.Contains(rendering, b.from) {
			t.Errorf("## %s: no test calls diagtest.Samples(t, %q, ...)", b.code, b.from)
		}
	}
	for _, code := range p.codes {
		if !sampled[code] {
			t.Errorf("## %s has no sample: a block ```text PACKAGE", code)
		}
	}
	for _, text := range p.texts {
		if strings.Contains(text, "\nerror: ") {
			t.Errorf("a sample that no package is named for would not be compared:\n%s", text)
		}
	}
}

// callers are the packages whose tests render samples, by the name they give.
func callers(t *testing.T) (names []string) {
	t.Helper()
	for _, s := range sources(t, token.NewFileSet(), true) {
		ast.Inspect(s.File, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if ok && nameOf(call.Fun) == "Samples" && len(call.Args) > 1 {
				name, _ := text(call.Args[1])
				names = append(names, name)
			}
			return true
		})
	}
	return names
}

func TestPage_isWrittenAsItWasRead(t *testing.T) {
	content := "# Errors\n\n## a\n\n```text x\nerror: one\n```\n\n```yaml\nkey: value\n```\n\n## b\n\n```text y\n```\nend"
	p := parse(content)
	if d := cmp.Diff(content, p.String()); d != "" {
		t.Error(d)
	}
	got := []block{*p.blocks[0], *p.blocks[1]}
	want := []block{{"a", "x", "error: one\n"}, {"b", "y", ""}}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(block{})); d != "" {
		t.Error(d)
	}
}
