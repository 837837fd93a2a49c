package policy_test

import (
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/github"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/policy"
)

func mustLoad(t *testing.T, m policy.Memory) string {
	t.Helper()
	etag, err := m.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return etag
}

func mustSave(t *testing.T, m policy.Memory, etag string) {
	t.Helper()
	if err := m.Save(t.Context(), etag); err != nil {
		t.Fatal(err)
	}
}

// openGitHub is acme/web and its variable.
func openGitHub(t *testing.T) (*localtailnet.GitHub, policy.Memory) {
	t.Helper()
	g := localtailnet.NewGitHub()
	g.AddRepository("acme/web", 2002)
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	c, err := github.New(github.Options{Token: newSecret(g.Token), BaseURL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	return g, policy.InVariable(c, github.Place{Owner: "acme", Repo: "web"}, "TAILJOIN_POLICY_ETAG")
}

func TestInFile_isTheCacheOfGitopsPusher(t *testing.T) {
	path := filepath.Join(t.TempDir(), "version-cache.json")
	m := policy.InFile(path)
	if got := mustLoad(t, m); got != "" {
		t.Errorf("before a first time there is %q", got)
	}
	// As gitops-pusher writes it.
	if err := os.WriteFile(path, []byte("{\"PrevETag\":\"0123abcd\"}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := mustLoad(t, m); got != "0123abcd" {
		t.Errorf("got %q", got)
	}
	mustSave(t, m, "ef")
	if raw, _ := os.ReadFile(path); string(raw) != "{\"PrevETag\":\"ef\"}\n" || mustLoad(t, m) != "ef" {
		t.Errorf("the file holds %q", raw)
	}
	for _, content := range []string{"", "{", "[]", `{"PrevETag":1}`} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := m.Load(t.Context())
		wantCode(t, err, "input-invalid", path)
	}
}

// A commit of the file would say that an edit elsewhere was applied from the file.
func TestInFile_believesNoFileThatIsCommitted(t *testing.T) {
	t.Chdir(t.TempDir())
	git := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	m := policy.InFile("version-cache.json")
	mustSave(t, m, "applied")
	if got := mustLoad(t, m); got != "applied" { // from a cache of the workflow
		t.Errorf("got %q", got)
	}
	git("add", "version-cache.json")
	_, err := m.Load(t.Context())
	wantCode(t, err, "input-invalid", "the file is committed", "git rm --cached")
	git("rm", "-q", "--cached", "version-cache.json")
	if got := mustLoad(t, m); got != "applied" {
		t.Errorf("once it is removed: got %q", got)
	}
}

func TestInVariable_readsAndWritesOne(t *testing.T) {
	g, m := openGitHub(t)
	g.SetVariable("repos/acme/web", "TAILJOIN_POLICY_ETAG_OF_PROD", "another")
	if got := mustLoad(t, m); got != "" {
		t.Errorf("before a first time there is %q", got)
	}
	for _, etag := range []string{"one", "two"} {
		mustSave(t, m, etag)
		if got := mustLoad(t, m); got != etag {
			t.Errorf("got %q, want %q", got, etag)
		}
	}
	g.SetVariable("repos/acme/web", "TAILJOIN_POLICY_ETAG", ` W/"three" `) // by hand
	if got := mustLoad(t, m); got != "three" {
		t.Errorf("got %q", got)
	}
}

// A job's own token may not have variables; one that may read them may not
// write them.
func TestEither_isAFileWhereGitHubRefusesTheVariable(t *testing.T) {
	for name, refuse := range map[string]func(*localtailnet.GitHub){
		"all":     func(g *localtailnet.GitHub) { g.Deny("actions_variables=read") },
		"changes": func(g *localtailnet.GitHub) { g.ReadOnly(true) },
	} {
		g, variable := openGitHub(t)
		refuse(g)
		path := filepath.Join(t.TempDir(), "version-cache.json")
		var said []string
		m := policy.Either(variable, policy.InFile(path), func(why string) { said = append(said, why) })
		if got := mustLoad(t, m); got != "" {
			t.Errorf("%s: got %q", name, got)
		}
		mustSave(t, m, "one")
		if got := mustLoad(t, m); got != "one" || m.Where() != "the file "+path {
			t.Errorf("%s: got %q from %s", name, got, m.Where())
		}
		if len(said) != 1 || !strings.Contains(said[0], "TAILJOIN_POLICY_ETAG") || !strings.Contains(said[0], "403") {
			t.Errorf("%s: said %q", name, said)
		}
	}
}

func TestEither_isTheVariableWhereItMay(t *testing.T) {
	g, variable := openGitHub(t)
	path := filepath.Join(t.TempDir(), "version-cache.json")
	m := policy.Either(variable, policy.InFile(path), func(why string) { t.Error(why) })
	mustLoad(t, m)
	mustSave(t, m, "one")
	if got := g.Variables("repos/acme/web")["TAILJOIN_POLICY_ETAG"]; got != "one" {
		t.Errorf("the variable is %q", got)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("there is a file, too")
	}
	// What is no refusal is none: GitHub may be away, and the variable still counts.
	g.Limit(0)
	_, err := m.Load(t.Context())
	wantCode(t, err, "github-rate-limited")
}
