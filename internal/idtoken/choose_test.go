package idtoken_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/secret"
)

func TestChoose_refusesWhatCannotBeMeant(t *testing.T) {
	header := func(lines string) secret.Text { return secret.New(lines) }
	for name, c := range map[string]struct {
		wish  idtoken.Wish
		words []string
	}{
		"unknown name":             {idtoken.Wish{Source: "git-lab"}, []string{"git-lab", "gitlab", "tailscaled", "env:NAME", "command:WORDS"}},
		"a token":                  {idtoken.Wish{Source: "eyJ." + hush + "." + hush}, []string{"env:", "file:"}},
		"a long secret":            {idtoken.Wish{Source: strings.Repeat(hush, 10)}, []string{"90 characters"}},
		"env: without a name":      {idtoken.Wish{Source: "env:"}, []string{"env:NAME"}},
		"env: with a token":        {idtoken.Wish{Source: "env:eyJ." + hush}, []string{"env:NAME"}},
		"file: without a path":     {idtoken.Wish{Source: "file:"}, []string{"file:PATH"}},
		"url: without a host":      {idtoken.Wish{Source: "url:/v1/token"}, []string{"https://HOST"}},
		"url: of another scheme":   {idtoken.Wish{Source: "url:ftp://x/y"}, []string{"https://HOST"}},
		"url: plain http":          {idtoken.Wish{Source: "url:http://tokens.example/v1"}, []string{"tokens.example", "loopback"}},
		"url: socket half":         {idtoken.Wish{Source: "url:http+unix:///run/api.sock"}, []string{"http+unix:///SOCKET:/PATH"}},
		"url: odd header":          {idtoken.Wish{Source: "url:https://x/y", Headers: header("A: b\nBearer " + hush)}, []string{"line 2"}},
		"url: header with spaces":  {idtoken.Wish{Source: "url:https://x/y", Headers: header("Bearer x: " + hush)}, []string{"line 1"}},
		"command: without words":   {idtoken.Wish{Source: "command: "}, []string{"command:PROGRAM"}},
		"command: open quote":      {idtoken.Wish{Source: "command:give 'token"}, []string{"command:PROGRAM"}},
		"headers for a name":       {idtoken.Wish{Source: "gitlab", Headers: header("A: b")}, []string{"id-token-headers", "url:"}},
		"headers for nothing":      {idtoken.Wish{Headers: header("A: b")}, []string{"id-token-headers"}},
		"body for a file":          {idtoken.Wish{Source: "file:/x", Body: "x"}, []string{"id-token-body"}},
		"sts-url: no address":      {idtoken.Wish{Source: "sts", STS: "sts"}, []string{"https://HOST"}},
		"sts-url: with a query":    {idtoken.Wish{Source: "sts", STS: "https://sts/?resource=x"}, []string{"without /token"}},
		"sts-url: plain http":      {idtoken.Wish{Source: "sts", STS: "http://sts.example.com"}, []string{"sts.example.com", ".ts.net"}},
		"sts-url: not the tailnet": {idtoken.Wish{Source: "sts", STS: "http://100.128.0.1"}, []string{"100.128.0.1"}},
		"key for a name":           {idtoken.Wish{Source: "aws", Key: "x"}, []string{"id-token-key"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := idtoken.Choose(env(nil), c.wish)
			wantProblem(t, err, "input-invalid", false)
			wantText(t, err, c.words...)
			if !diag.As(err).Input {
				t.Error("it is not told from a failure")
			}
		})
	}
}

func TestCheck_namesTheVariableThatAHeaderLacks(t *testing.T) {
	w := idtoken.Wish{Source: "url:https://x/y", Headers: secret.New("Authorization: Bearer ${MY_TOKEN}")}
	err := checked(t, env(nil), w)
	wantProblem(t, err, "no-id-token", false)
	wantText(t, err, "MY_TOKEN", "Authorization")
}

// What a source reads is to be hidden: its variables, and the parts of headers
// that are long enough to be a secret.
func TestSecrets_areTheVariablesAndTheHeaders(t *testing.T) {
	long := strings.Repeat(hush, 3)
	vars := env(map[string]string{"MY_TOKEN": long, "BUILDKITE": "true", "BUILDKITE_AGENT_ACCESS_TOKEN": "agent-token"})
	for source, want := range map[string][]string{
		"":                {"agent-token"},
		"url:https://x/y": {long, "literal-and-long-enough"},
		"env:MY_TOKEN":    {long},
	} {
		w := idtoken.Wish{Source: source}
		if strings.HasPrefix(source, "url:") {
			w.Headers = secret.New("Authorization: Bearer ${MY_TOKEN}\nX-Key: literal-and-long-enough\nMetadata-Flavor: Google")
		}
		chosen, err := idtoken.Choose(vars, w)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for s := range slices.Values(chosen.Secrets(vars)) {
			got = append(got, s.Reveal())
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", source, d)
		}
	}
}

// A command inherits what it is given, and its complaint is shown without what
// may be a token.
func TestCommand_thatFails_saysItsLastWords(t *testing.T) {
	p := newPlatform(t)
	p.script("give-token", `echo "first" >&2; echo "no login for $WHO: eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl" >&2; echo `+hush+`; exit 3`)
	p.wish.Source, p.wish.Environ = "command:give-token", []string{"WHO=me"}
	_, err := get(t.Context(), t, p.env(), p.wish, wanted)
	wantProblem(t, err, "id-token-refused", false)
	wantText(t, err, "give-token", "exit status 3", "no login for me")
	if text := diag.As(err).Text(); strings.Contains(text, "eyJ") || strings.Contains(text, "first") {
		t.Errorf("too much is shown:\n%s", text)
	}
}

func TestCommand_isEndedWithTheTryThatItIsFor(t *testing.T) {
	p := newPlatform(t)
	p.script("give-token", "sleep 60 & wait")
	p.wish.Source = "command:give-token"
	wantHang(t, p)
}

func TestCircleCI_commandThatHangs_isTriedAgain(t *testing.T) {
	p := newPlatform(t)
	p.set("CIRCLECI", "true")
	p.script("circleci", "sleep 60")
	wantHang(t, p)
}

// A program that is only in the current directory is nobody's to run.
func TestCommand_isNotLookedForInARelativeDirectory(t *testing.T) {
	p := newPlatform(t)
	p.script("give-token", "echo x")
	t.Chdir(p.wish.Root)
	p.set("PATH", "bin:.")
	p.wish.Source = "command:give-token"
	wantProblem(t, checked(t, p.env(), p.wish), "no-id-token", false)
}
