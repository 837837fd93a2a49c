package namespace_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/namespace"
)

// client is one whose token file holds this.
func client(t *testing.T, h http.Handler, tokens string) *namespace.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "token.json")
	if err := os.WriteFile(file, []byte(tokens), 0o600); err != nil {
		t.Fatal(err)
	}
	return &namespace.Client{URL: server.URL + "/", TokenFile: file, UserAgent: "tailjoin/test"}
}

func bearer(n *localtailnet.Namespace) string { return `{"bearer_token": "` + n.Token + `"}` }

func put(name, spec string) func(map[string]json.RawMessage) error {
	return func(specs map[string]json.RawMessage) error {
		specs[name] = json.RawMessage(spec)
		return nil
	}
}

func TestUpdate_changesOneAndKeepsTheOthersAsTheyAre(t *testing.T) {
	n := localtailnet.NewNamespace()
	n.Put("theirs", `{"oauth_client_id":"T0","a_field_of_tomorrow":{"x":1}}`)
	updated, err := client(t, n, bearer(n)).Update(t.Context(), put("corp", `{"oauth_client_id":"T1"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"theirs": `{"oauth_client_id":"T0","a_field_of_tomorrow":{"x":1}}`, "corp": `{"oauth_client_id":"T1"}`}
	got, version := n.Specs()
	if d := cmp.Diff(want, got); d != "" || version != 3 || updated.Version != "3" || len(updated.Tailscale) != 2 {
		t.Errorf("version %d, answer %+v, specs (-want +got):\n%s", version, updated, d)
	}
}

func TestUpdate_beginsAgainWhenSomebodyElseWasQuicker(t *testing.T) {
	n := localtailnet.NewNamespace()
	others := 2
	n.BeforeUpdate = func() {
		if others--; others >= 0 {
			n.Put("theirs", `{"oauth_client_id":"T0"}`)
		}
	}
	if _, err := client(t, n, bearer(n)).Update(t.Context(), put("corp", `{"oauth_client_id":"T1"}`)); err != nil {
		t.Fatal(err)
	}
	got, _ := n.Specs()
	if d := cmp.Diff(map[string]string{"theirs": `{"oauth_client_id":"T0"}`, "corp": `{"oauth_client_id":"T1"}`}, got); d != "" {
		t.Errorf("specs (-want +got):\n%s", d)
	}
}

func TestUpdate_givesUpIfOthersAreAlwaysQuicker(t *testing.T) {
	n := localtailnet.NewNamespace()
	n.BeforeUpdate = func() { n.Put("theirs", `{}`) }
	_, err := client(t, n, bearer(n)).Update(t.Context(), put("corp", `{}`))
	if p := diag.As(err); p.Code != "namespace-refused" || !strings.Contains(p.Text(), "metadata version does not match") {
		t.Errorf("got %v", err)
	}
	if got, _ := n.Specs(); got["corp"] != "" {
		t.Errorf("it was written after all: %v", got)
	}
}

func TestUpdate_writesNothingIfTheChangeFails(t *testing.T) {
	n := localtailnet.NewNamespace()
	no := errors.New("no")
	if _, err := client(t, n, bearer(n)).Update(t.Context(), func(map[string]json.RawMessage) error { return no }); !errors.Is(err, no) {
		t.Errorf("got %v", err)
	}
	if _, version := n.Specs(); version != 1 {
		t.Errorf("version %d", version)
	}
}

func TestIntegrations_byEachKindOfToken(t *testing.T) {
	n := localtailnet.NewNamespace()
	n.Put("corp", `{"oauth_client_id":"T1"}`)
	for name, tokens := range map[string]string{
		"bearer": bearer(n), "older": `{"tenant_token": "` + n.Token + `"}`, "session": `{"session_token": "` + n.Session + `"}`,
	} {
		got, err := client(t, n, tokens).Integrations(t.Context())
		if err != nil || len(got.Tailscale) != 1 || got.Version != "2" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestClient_explainsRefusals(t *testing.T) {
	answering := func(status int, header, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			if header != "" {
				w.Header().Set("Grpc-Status", header)
				w.Header().Set("Grpc-Message", "by header")
			}
			w.WriteHeader(status)
			w.Write([]byte(body))
		}
	}
	for name, c := range map[string]struct {
		server http.HandlerFunc
		code   string
		want   string
	}{
		"401":            {answering(401, "", `{"code":"unauthenticated","message":"expired"}`), "namespace-refused", "nsc login"},
		"a number":       {answering(400, "", `{"code":16,"message":"expired"}`), "namespace-refused", "nsc login"},
		"403":            {answering(403, "", `{"code":"PERMISSION_DENIED","message":"not an admin"}`), "namespace-refused", "permission_denied: not an admin"},
		"gRPC's headers": {answering(200, "7", ""), "namespace-refused", "permission_denied: by header"},
		"a redirect":     {answering(302, "", ""), "namespace-refused", "302"},
		"503":            {answering(503, "", "<html>"), "not-answering", "status.namespace.so"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			_, err := client(t, c.server, `{"bearer_token": "nsct_hush"}`).Integrations(ctx)
			p := diag.As(err)
			if text := p.Text(); err == nil || p.Code != c.code || !strings.Contains(text, c.want) || strings.Contains(text, "hush") {
				t.Errorf("want %s and %q, got\n%s", c.code, c.want, text)
			}
		})
	}
}

func TestClient_withoutAToken(t *testing.T) {
	n := localtailnet.NewNamespace()
	for _, tokens := range []string{"", "{}", "nsct_hush"} {
		_, err := client(t, n, tokens).Integrations(t.Context())
		if p := diag.As(err); p.Code != "namespace-refused" || strings.Contains(p.Text(), "hush") {
			t.Errorf("%q: %v", tokens, err)
		}
	}
}

func TestTokenFile_isTheMachinesFirst(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("other systems keep settings elsewhere")
	}
	home := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", home)
	mine := filepath.Join(home, "ns", "token.json")
	if err := os.MkdirAll(filepath.Dir(mine), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	none := func(string) string { return "" }
	named := func(string) string { return "/x/token.json" }
	if got := namespace.TokenFile(named); got != "/x/token.json" || !namespace.Inside(named) {
		t.Errorf("got %s", got)
	}
	if _, err := os.Stat("/var/run/nsc"); err == nil {
		t.Skip("this is a machine of Namespace")
	}
	if got := namespace.TokenFile(none); got != mine || namespace.Inside(none) {
		t.Errorf("got %s, want %s", got, mine)
	}
}
