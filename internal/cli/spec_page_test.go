package cli_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// docs/specs.md shows what the program really says: every command on the page
// is run, from top to bottom, and its output compared. -update writes it.
func TestSpecPage_showsWhatTheProgramSays(t *testing.T) {
	path, text := specPage(t)
	p := newPage(t)
	p.environ = append(p.environ, workspace(t)...)
	t.Chdir(t.TempDir())
	got := p.run(text)
	if *diagtest.Update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if d := cmp.Diff(text, got); d != "" {
		t.Errorf("docs/specs.md is not what the program says; go test ./internal/cli -run SpecPage -update writes it (-page +program):\n%s", d)
	}
	if p.ran < 10 {
		t.Errorf("the page shows %d commands", p.ran)
	}
}

func specPage(t *testing.T) (path, text string) {
	t.Helper()
	path, err := filepath.Abs("../../docs/specs.md")
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, string(raw)
}

// workspace is one at Namespace, and the variables that lead to it.
func workspace(t *testing.T) []string {
	t.Helper()
	namespace := localtailnet.NewNamespace()
	server := httptest.NewServer(namespace)
	t.Cleanup(server.Close)
	tokens := filepath.Join(t.TempDir(), "token.json")
	if err := os.WriteFile(tokens, []byte(`{"bearer_token": "`+namespace.Token+`"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"NSC_IAM_ENDPOINT=" + server.URL, "NSC_TOKEN_FILE=" + tokens}
}

var hujsonBlock = regexp.MustCompile("(?s)```hujson\n(.*?)```")

func TestSpecPage_showsSpecsThatAreOnes(t *testing.T) {
	_, text := specPage(t)
	blocks := hujsonBlock.FindAllStringSubmatch(text, -1)
	for _, block := range blocks {
		if set, err := spec.ReadFile("docs/specs.md", []byte(block[1])); err != nil || len(set) == 0 {
			t.Errorf("%v\n%s", err, block[1])
		}
	}
	if len(blocks) == 0 {
		t.Error("the page shows none")
	}
}

func TestSpecPage_describesEveryField(t *testing.T) {
	_, text := specPage(t)
	of := reflect.TypeFor[spec.Spec]()
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if !strings.Contains(text, "\n| `"+name+"` |") {
			t.Errorf("the table of fields has no row for %s", name)
		}
	}
}
