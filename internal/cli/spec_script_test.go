package cli_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/tailjoin/tailjoin/internal/cli"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// What a user types about specs, in a GitHub job. Each script has a tailnet, a
// GitHub and a workspace at Namespace of its own.
func TestSpecScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:   "testdata/spec",
		Setup: openStores,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"refused": func(ts *testscript.TestScript, _ bool, args []string) {
				fails(ts, cli.BadInput, args[0], args[1:])
			},
			"fails": func(ts *testscript.TestScript, _ bool, args []string) {
				fails(ts, cli.Failed, args[0], args[1:])
			},
			"exits":     exits,
			"asked":     asked,
			"github":    atGitHub,
			"namespace": atNamespace,
		},
	})
}

type (
	githubKey    struct{}
	namespaceKey struct{}
)

func openStores(env *testscript.Env) error {
	if err := openTailnet(env); err != nil {
		return err
	}
	github, namespace := localtailnet.NewGitHub(), localtailnet.NewNamespace()
	github.AddOrg("acme")
	github.AddRepository("acme/web", 2002)
	github.AddRepository("acme/api", 2003)
	github.AddEnvironment("acme/web", "production")
	atGitHub, atNamespace := httptest.NewServer(github), httptest.NewServer(namespace)
	env.Defer(atGitHub.Close)
	env.Defer(atNamespace.Close)
	tokens := filepath.Join(env.WorkDir, "nsc.json")
	env.Vars = append(env.Vars, "GITHUB_ACTIONS=true", "TAILJOIN_OAUTH_CLIENT_ID=", "TAILJOIN_TAGS=",
		"GITHUB_API_URL="+atGitHub.URL, "GH_TOKEN="+github.Token, "NSC_IAM_ENDPOINT="+atNamespace.URL, "NSC_TOKENS="+tokens)
	env.Values[githubKey{}], env.Values[namespaceKey{}] = github, namespace
	return os.WriteFile(tokens, []byte(`{"bearer_token": "`+namespace.Token+`"}`), 0o600)
}

// asked OP... is what the tailnet was asked for, in order.
func asked(ts *testscript.TestScript, _ bool, want []string) {
	got := []string{}
	for _, e := range events(ts) {
		got = append(got, e.Op)
	}
	if d := cmp.Diff(slices.Clone(append([]string{}, want...)), got); d != "" {
		ts.Fatalf("asked (-want +got):\n%s", d)
	}
}

// github variable PLACE NAME VALUE sets one; github has PLACE NAME TEXT... wants
// texts in its value, or none if it is not to be there; github denies
// PERMISSION; github asked METHOD... is what was asked since the last time.
func atGitHub(ts *testscript.TestScript, neg bool, args []string) {
	github := ts.Value(githubKey{}).(*localtailnet.GitHub)
	switch args[0] {
	case "variable":
		github.SetVariable(args[1], args[2], args[3])
	case "denies":
		github.Deny(args[1])
	case "blocks":
		github.Block(time.Minute)
	case "sight":
		if got, _ := github.Sight(args[1], args[2]); got != args[3] {
			ts.Fatalf("%s is seen by %s", args[2], got)
		}
	case "asked":
		var got []string
		for _, request := range github.Asked() {
			method, _, _ := strings.Cut(request, " ")
			got = append(got, method)
		}
		if d := cmp.Diff(args[1:], got); d != "" && len(args)+len(got) > 1 {
			ts.Fatalf("asked GitHub (-want +got):\n%s", d)
		}
	case "has":
		value, found := github.Variables(args[1])[args[2]]
		if found == neg {
			ts.Fatalf("%s has %s: %t", args[1], args[2], found)
		}
		for _, text := range args[3:] {
			if !strings.Contains(value, text) {
				ts.Fatalf("%s is %s, without %s", args[2], value, text)
			}
		}
	default:
		ts.Fatalf("github %s?", args[0])
	}
}

// namespace put NAME JSON sets a spec; namespace has NAME JSON wants one so.
func atNamespace(ts *testscript.TestScript, neg bool, args []string) {
	namespace := ts.Value(namespaceKey{}).(*localtailnet.Namespace)
	switch args[0] {
	case "put":
		namespace.Put(args[1], args[2])
	case "has":
		all, _ := namespace.Specs()
		if got, found := all[args[1]]; found == neg || !neg && got != args[2] {
			ts.Fatalf("%s is %s", args[1], got)
		}
	default:
		ts.Fatalf("namespace %s?", args[0])
	}
}
