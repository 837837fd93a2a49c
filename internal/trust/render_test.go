package trust_test

import (
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag/diagtest"
	"github.com/tailjoin/tailjoin/internal/trust"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// odd has whatever a format may trip over.
func odd() trust.Wish {
	return trust.Wish{
		Name: "9 lives - of a cat", Scopes: []string{"auth_keys", "devices:core:read"}, Tags: []string{"tag:ci", "tag:deploy"},
		Issuer: "https://a.example/it's", Subject: `repo:a/b:"q"\n:${x}%{y}$HOME*`, Audience: "https://b.example",
		Claims: []string{`"a.b/c".d=it's "x"`, "e=100%", "long_name=$(id)"},
	}
}

func TestRender(t *testing.T) {
	for name, wish := range map[string]trust.Wish{"odd": odd(), "tazlab": tazlab()[1]} {
		c := mustBe(t, wish)
		for _, format := range slices.Sorted(maps.Keys(trust.Formats)) {
			golden(t, name+"."+format, trust.Formats[format](c, "https://api.tailscale.com"))
		}
	}
}

// golden compares with a file in testdata, or writes it.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *diagtest.Update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s (-want +got):\n%s", path, d)
	}
}

// What json and curl write makes the credential that is meant.
func TestRender_isWhatTheAPITakes(t *testing.T) {
	for _, wish := range []trust.Wish{odd(), tazlab()[1]} {
		for format, send := range map[string]func(*testing.T, *world, string){"json": post, "curl": shell} {
			t.Run(format+" "+wish.Name, func(t *testing.T) {
				w := open(t, "all")
				c := mustBe(t, wish)
				send(t, w, trust.Formats[format](c, w.local.ControlURL))
				p, err := w.Plan(t.Context(), c)
				if err != nil || p.Have == nil || len(p.Changes) > 0 {
					t.Errorf("made %+v with the changes %v, %v", p.Have, p.Changes, err)
				}
			})
		}
	}
}

func post(t *testing.T, w *world, body string) {
	req, err := http.NewRequestWithContext(t.Context(), "POST", w.local.ControlURL+"/api/v2/tailnet/-/keys", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.Token.Reveal())
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != 200 {
		t.Fatal(res, err)
	}
	res.Body.Close()
}

func shell(t *testing.T, w *world, script string) {
	for _, needed := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skip(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Env = append(os.Environ(), "TAILSCALE_API_KEY="+w.local.MintAPIKey(time.Hour))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(script, "tskey") {
		t.Error("there is a secret in it")
	}
}

func TestRender_ofAClientHasNothingOfAnIdentity(t *testing.T) {
	for format, render := range trust.Formats {
		text := render(tsapi.Credential{Kind: tsapi.OAuthClient, Description: "x", Scopes: []string{"dns"}}, "https://api.tailscale.com")
		for _, word := range []string{"issuer", "subject", "audience", "laim"} {
			if strings.Contains(strings.ToLower(text), word) {
				t.Errorf("%s has %s:\n%s", format, word, text)
			}
		}
	}
}
