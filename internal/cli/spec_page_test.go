package cli_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/spec"
)

// docs/specs.md shows what the program really says: every command on the page
// is run, from top to bottom, and its output compared. -update writes it.
func TestSpecPage_showsWhatTheProgramSays(t *testing.T) {
	page, p := readPage(t, "specs.md"), newPage(t)
	p.environ = append(p.environ, workspace(t)...)
	t.Chdir(t.TempDir())
	page.shows(t, p.run(page.text), p.ran, 10)
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
	text := readPage(t, "specs.md").text
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
	text := readPage(t, "specs.md").text
	of := reflect.TypeFor[spec.Spec]()
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if !strings.Contains(text, "\n| `"+name+"` |") {
			t.Errorf("the table of fields has no row for %s", name)
		}
	}
}
