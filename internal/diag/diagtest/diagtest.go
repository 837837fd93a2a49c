// Package diagtest holds docs/errors.md against the code, so that the page
// never shows what the program does not print.
//
// A sample on the page is a block fenced by ```text and the name of the
// package that it comes from. A test of that package makes the same problems
// by the real code, with fixed values, and gives them to Samples.
package diagtest

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
)

// Update is the flag of tests that write what they would compare.
var Update = flag.Bool("update", false, "write what is generated: parts of the docs and of the action")

// Samples compares problems with the samples that docs/errors.md has from this
// package: each is to be there as Text renders it, and no other. Problems of
// one code are compared in the order given. With -update the page is written.
func Samples(t *testing.T, from string, problems ...error) {
	t.Helper()
	path := pagePath(t)
	p := readPage(t, path)
	shown := p.from(from)
	for _, err := range problems {
		problem, ok := errors.AsType[*diag.Problem](err)
		if !ok {
			t.Errorf("this is no Problem: %v", err)
			continue
		}
		block := take(shown, problem.Code)
		if block == nil {
			t.Errorf("docs/errors.md has too few blocks ```text %s under ## %s to show:\n%s", from, problem.Code, problem.Text())
			continue
		}
		if *Update {
			block.text = problem.Text()
		}
		if diff := cmp.Diff(block.text, problem.Text()); diff != "" {
			t.Errorf("docs/errors.md, ## %s, is not what the code renders; go test ./internal/%s -update writes it (-page +code):\n%s", problem.Code, from, diff)
		}
	}
	for code, blocks := range shown {
		if len(blocks) > 0 {
			t.Errorf("docs/errors.md has more blocks ```text %s under ## %s than this test makes", from, code)
		}
	}
	if *Update {
		p.write(t, path)
	}
}

// take removes and returns the first block of a code, nil if there is none.
func take(blocks map[string][]*block, code string) *block {
	if len(blocks[code]) == 0 {
		return nil
	}
	first := blocks[code][0]
	blocks[code] = blocks[code][1:]
	return first
}

// root is the module's directory, from that of a package's test.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no directory above this one has a go.mod")
		}
		dir = filepath.Dir(dir)
	}
}
