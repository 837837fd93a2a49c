package cli_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
)

// A docPage is a page of docs/ that shows commands and what they print.
type docPage struct{ path, text string }

// readPage is docs/NAME. A test that changes its directory reads first.
func readPage(t *testing.T, name string) docPage {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "docs", name))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return docPage{path, string(raw)}
}

// shows holds the page against what the program said when each of its commands
// was run, of which there are to be some. -update writes it.
func (d docPage) shows(t *testing.T, said string, ran, atLeast int) {
	t.Helper()
	if *diagtest.Update {
		if err := os.WriteFile(d.path, []byte(said), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(d.text, said); diff != "" {
		t.Errorf("docs/%s is not what the program says; go test ./internal/cli -run '^%s$' -update writes it (-page +program):\n%s",
			filepath.Base(d.path), t.Name(), diff)
	}
	if ran < atLeast {
		t.Errorf("the page shows %d commands", ran)
	}
}

// console is a terminal on a page.
var console = regexp.MustCompile("(?s)```console\n(.*?)```")

// typed is a terminal with each of its commands, and what that printed now.
func typed(terminal string, output func(command string) string) string {
	var b strings.Builder
	for line := range strings.Lines(console.FindStringSubmatch(terminal)[1]) {
		if command, ok := strings.CutPrefix(line, "$ "); ok {
			b.WriteString(line + output(strings.TrimSpace(command)))
		}
	}
	return "```console\n" + b.String() + "```"
}
