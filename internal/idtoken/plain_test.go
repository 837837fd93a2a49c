package idtoken_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/idtoken"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// A network is where requests go, which here is nowhere.
type network struct{ asked []string }

func (n *network) RoundTrip(r *http.Request) (*http.Response, error) {
	n.asked = append(n.asked, r.URL.String())
	return nil, errors.New("nothing is here")
}

// The address comes from the platform, or from anyone who could set a variable.
func TestGet_showsNoCredentialToTheNetwork(t *testing.T) {
	token := filepath.Join(t.TempDir(), "token.json")
	if err := os.WriteFile(token, []byte(`{"bearer_token":"hush-hush"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{"AWS_ACCESS_KEY_ID": "AKIA1", "AWS_SECRET_ACCESS_KEY": "hush-hush", "AWS_REGION": "eu-central-1"}
	for _, c := range []struct {
		source, variable string
		vars             map[string]string
	}{
		{"github", "ACTIONS_ID_TOKEN_REQUEST_URL", map[string]string{"GITHUB_ACTIONS": "true", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "hush-hush"}},
		{"buildkite", "BUILDKITE_AGENT_ENDPOINT", map[string]string{"BUILDKITE_JOB_ID": "j1", "BUILDKITE_AGENT_ACCESS_TOKEN": "hush-hush"}},
		{"azure-devops", "SYSTEM_OIDCREQUESTURI", map[string]string{"SYSTEM_ACCESSTOKEN": "hush-hush"}},
		{"codefresh", "CF_OIDC_REQUEST_URL", map[string]string{"CF_OIDC_REQUEST_TOKEN": "hush-hush"}},
		{"namespace", "NSC_IAM_ENDPOINT", map[string]string{"NSC_TOKEN_FILE": token}},
		{"namespace", "NSC_GLOBAL_ENDPOINT", map[string]string{"NSC_TOKEN_FILE": token}},
		{"aws", "AWS_ENDPOINT_URL_STS", keys},
		{"aws", "AWS_ENDPOINT_URL", keys},
	} {
		for address, allowed := range map[string]bool{
			"http://tokens.example/x": false, "http://10.1.2.3/x": false, "http://localhost.example/x": false, "http://127.0.0.1@tokens.example/x": false,
			"https://tokens.example/x": true, "http://127.0.0.1:1/x": true, "http://localhost:1/x": true, "http://[::1]:1/x": true,
		} {
			env := func(name string) string {
				if name == c.variable {
					return address
				}
				return c.vars[name]
			}
			source, err := idtoken.Choose(env, idtoken.Wish{Source: c.source})
			if err != nil {
				t.Fatal(err)
			}
			var reached network
			_, err = source.Get(t.Context(), env, &http.Client{Transport: &reached}, "a")
			if refused := strings.Contains(err.Error(), "plain http://"); refused == allowed || (len(reached.asked) > 0) != allowed {
				t.Errorf("%s=%s: %v, asked %v", c.variable, address, err, reached.asked)
			}
		}
	}
}

func TestProblems_nameASourceWithoutItsSecrets(t *testing.T) {
	for source, want := range map[string]string{
		"url:https://user:S3cretPassw0rd@127.0.0.1:1/token?apikey=hunter2hunter2": "url:https://127.0.0.1:1/token …",
		"url:https://127.0.0.1:1/token#hunter2hunter2":                            "url:https://127.0.0.1:1/token …",
		"url:https://127.0.0.1:1/token":                                           "url:https://127.0.0.1:1/token",
		"command:/no/such/program -H S3cretPassw0rd":                              "command:/no/such/program …",
	} {
		none := func(string) string { return "" }
		chosen, err := idtoken.Choose(none, idtoken.Wish{Source: source})
		if err == nil {
			_, err = chosen.Get(t.Context(), none, &http.Client{Transport: &network{}}, "a")
		}
		shown := diag.As(err).Text()
		if chosen.Name != want || strings.Contains(shown, "S3cret") || strings.Contains(shown, "hunter2") {
			t.Errorf("%s is named %s:\n%s", source, chosen.Name, shown)
		}
	}
}

func TestSecrets_areTheWordsOfHeadersBodyAndAddress(t *testing.T) {
	for name, c := range map[string]struct {
		wish idtoken.Wish
		want []string
	}{
		"headers":    {idtoken.Wish{Headers: secret.New("Authorization: Bearer ${MY}\nCookie: session=short1; other=\"quoted2\"")}, []string{"of-mine", "short1", "quoted2"}},
		"JSON":       {idtoken.Wish{Body: `{"client_secret": "in-json", "more": ["in-list", {"a": "in-object"}]}`}, []string{"in-json", "in-list", "in-object"}},
		"form":       {idtoken.Wish{Body: "grant_type=x&client_secret=in%2Fform"}, []string{"in/form"}},
		"other text": {idtoken.Wish{Body: "<secret> in-words </secret>"}, []string{"in-words"}},
		"address":    {idtoken.Wish{Source: "url:https://user:password1@x.example/?key=in-query"}, []string{"password1", "in-query"}},
	} {
		if c.wish.Source == "" {
			c.wish.Source = "url:https://x.example/"
		}
		env := func(name string) string { return map[string]string{"MY": "of-mine"}[name] }
		source, err := idtoken.Choose(env, c.wish)
		if err != nil {
			t.Fatal(err)
		}
		var filter secret.Filter
		for _, s := range source.Secrets(env) {
			filter.Hide(s)
		}
		for _, want := range c.want {
			if got := filter.Clean("x " + want + " y"); got != "x [redacted] y" {
				t.Errorf("%s: %q is shown", name, got)
			}
		}
		if got := filter.Clean("Bearer client_secret"); got != "Bearer client_secret" {
			t.Errorf("%s: ordinary words become %q", name, got)
		}
	}
}
