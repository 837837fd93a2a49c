package tsapi_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tailjoin/tailjoin/internal/requestlog"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

var idToken = secret.New("header.claims.signature")

// answering is a client of a server that gives one answer to everything.
func answering(t *testing.T, status int, body string, header http.Header) *tsapi.Client {
	return serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		w.Write([]byte(body))
	})
}

func serve(t *testing.T, h http.HandlerFunc) *tsapi.Client {
	t.Helper()
	server := httptest.NewServer(h)
	client := &tsapi.Client{BaseURL: server.URL, Now: func() time.Time { return time.Unix(1000, 0) }}
	t.Cleanup(server.Close)
	t.Cleanup(client.Close)
	return client
}

func TestExchange_sendsClientAndTokenAndReadsTheAnswer(t *testing.T) {
	got := make(chan url.Values, 1)
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v2/oauth/token-exchange" || r.URL.RawQuery != "" {
			t.Errorf("asked %s", r.URL)
		}
		r.ParseForm()
		got <- r.PostForm
		w.Write([]byte(`{"access_token":"tskey-api-1","token_type":"Bearer","expires_in":3600,"scope":"auth_keys devices:core"}`))
	})
	token, err := client.Exchange(t.Context(), "T1-CNTRL", idToken)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(url.Values{"client_id": {"T1-CNTRL"}, "jwt": {"header.claims.signature"}}, <-got); d != "" {
		t.Error(d)
	}
	if token.Reveal() != "tskey-api-1" || !token.Expires.Equal(time.Unix(4600, 0)) {
		t.Errorf("token %q until %v", token.Reveal(), token.Expires)
	}
	if d := cmp.Diff([]string{"auth_keys", "devices:core"}, token.Scopes); d != "" {
		t.Error(d)
	}
}

func TestExchange_keepsTheStatusWhateverTheBody(t *testing.T) {
	for body, want := range map[string]tsapi.Error{
		`{"message":"Unauthorized"}`: {Status: 403, Message: "Unauthorized"},
		`{"error":"invalid_client"}`: {Status: 403, Message: "invalid_client"},
		"":                           {Status: 403, Foreign: true},
		strings.Repeat("x", 300):     {Status: 403, Message: strings.Repeat("x", 200) + "…", Foreign: true},
	} {
		_, err := answering(t, 403, body, nil).Exchange(t.Context(), "T1", idToken)
		got, ok := errors.AsType[*tsapi.Error](err)
		if !ok {
			t.Errorf("body %q: error %v", body, err)
			continue
		}
		if d := cmp.Diff(&want, got, cmpopts.IgnoreFields(tsapi.Error{}, "Date")); d != "" {
			t.Errorf("body %q: %s", body, d)
		}
		if _, again := errors.AsType[*retry.Later](err); again {
			t.Errorf("body %q: a refusal is marked for another try", body)
		}
	}
}

func TestExchange_marksWhatMayChange(t *testing.T) {
	client := answering(t, 429, `{"message":"slow down"}`, http.Header{"Retry-After": {"7"}})
	_, err := client.Exchange(t.Context(), "T1", idToken)
	if later, ok := errors.AsType[*retry.Later](err); !ok || later.After != 7*time.Second {
		t.Errorf("error %v, want one to try again after 7s", err)
	}
}

// A firewall answers 403 with a page, a captive portal 200 or a redirect. The
// next request may get through.
func TestCalls_tellAWebPageFromAnAnswer(t *testing.T) {
	html := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	for name, c := range map[string]struct {
		status int
		body   string
		header http.Header
	}{
		"firewall":            {403, "<html>blocked</html>", html},
		"firewall, no type":   {403, " <!DOCTYPE html>", http.Header{"Content-Type": {"text/plain"}}},
		"portal":              {200, "<html>sign in</html>", html},
		"portal that directs": {302, "", http.Header{"Location": {"http://127.0.0.1:1/login"}}},
	} {
		t.Run(name, func(t *testing.T) {
			client := answering(t, c.status, c.body, c.header)
			_, exchanged := client.Exchange(t.Context(), "T1", idToken)
			_, minted := client.CreateKey(t.Context(), tsapi.AccessToken{Text: secret.New("a")}, tsapi.KeyRequest{})
			_, read := client.Policy(t.Context(), tsapi.AccessToken{Text: secret.New("a")})
			for call, err := range map[string]error{"exchange": exchanged, "key": minted, "policy": read} {
				answer, ok := errors.AsType[*tsapi.Error](err)
				later, again := errors.AsType[*retry.Later](err)
				if !ok || !answer.Page || answer.Status != c.status || !again || later.Limit != retry.Doubt {
					t.Errorf("%s: error %v, want a page to try again for a short time", call, err)
				}
			}
		})
	}
}

func TestExchange_aPageWithoutAContentTypeIsAPage(t *testing.T) {
	_, err := answering(t, 200, "<html>", http.Header{"Content-Type": {"text/plain"}}).Exchange(t.Context(), "T1", idToken)
	if answer, ok := errors.AsType[*tsapi.Error](err); !ok || !answer.Page {
		t.Errorf("error %v, want a page", err)
	}
}

func TestCalls_afterARequestThatHungTakeANewConnection(t *testing.T) {
	var connections atomic.Int32
	var calls atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or net/http does not see the client go
		if calls.Add(1) == 1 {
			<-r.Context().Done()
			return
		}
		w.Write([]byte(`{"access_token":"a"}`))
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	client := &tsapi.Client{BaseURL: server.URL}
	defer client.Close()
	client.Open(t.Context())
	hung, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := client.Exchange(hung, "T1", idToken)
	if _, again := errors.AsType[*retry.Later](err); !again {
		t.Errorf("a request that hangs: %v, want an error to try again", err)
	}
	if _, err := client.Exchange(t.Context(), "T1", idToken); err != nil || connections.Load() != 2 {
		t.Errorf("%v after %d connections, want a second one", err, connections.Load())
	}
}

func TestCalls_markABodyThatStalls(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or net/http does not see the client go
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte(`{"access_token": "`))
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for call, op := range map[string]func(context.Context) error{
		"exchange": func(ctx context.Context) error { _, err := client.Exchange(ctx, "T1", idToken); return err },
		"key": func(ctx context.Context) error {
			_, err := client.CreateKey(ctx, tsapi.AccessToken{Text: secret.New("a")}, tsapi.KeyRequest{})
			return err
		},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		if _, again := errors.AsType[*retry.Later](op(ctx)); !again {
			t.Errorf("%s: not marked for another try", call)
		}
		cancel()
	}
}

func TestCalls_markAnAnswerThatWasCut(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.Write([]byte(`{"access_token": "`))
		http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	_, exchanged := client.Exchange(t.Context(), "T1", idToken)
	_, minted := client.CreateKey(t.Context(), tsapi.AccessToken{Text: secret.New("a")}, tsapi.KeyRequest{})
	for call, err := range map[string]error{"exchange": exchanged, "key": minted} {
		if _, again := errors.AsType[*retry.Later](err); !again {
			t.Errorf("%s: error %v, want one to try again", call, err)
		}
	}
}

func TestExchange_refusesAnEmptyToken(t *testing.T) {
	if token, err := answering(t, 200, `{}`, nil).Exchange(t.Context(), "T1", idToken); err == nil {
		t.Errorf("got token %v without an error", token)
	}
}

func TestClientCredentials_refusalIsTyped(t *testing.T) {
	_, err := answering(t, 401, `{"message":"API token invalid"}`, nil).ClientCredentials(t.Context(), "", secret.New("tskey-client-x"))
	want := "401 Unauthorized: API token invalid"
	if err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

func TestCreateKey_refusalKeepsTheServersWords(t *testing.T) {
	const words = "requested tags [tag:x] are invalid or not permitted"
	client := answering(t, 400, `{"message":"`+words+`"}`, nil)
	_, err := client.CreateKey(t.Context(), tsapi.AccessToken{Text: secret.New("a")}, tsapi.KeyRequest{Tags: []string{"tag:x"}})
	got, ok := errors.AsType[*tsapi.Error](err)
	if !ok || got.Status != 400 || got.Message != words {
		t.Errorf("error %v", err)
	}
}

func TestErrors_doNotShowTheSecretsSent(t *testing.T) {
	client := answering(t, 403, "no", nil)
	_, first := client.Exchange(t.Context(), "T1", idToken)
	_, second := client.CreateKey(t.Context(), tsapi.AccessToken{Text: secret.New("tskey-api-1")}, tsapi.KeyRequest{})
	for _, err := range []error{first, second} {
		if strings.Contains(err.Error(), "claims") || strings.Contains(err.Error(), "tskey") {
			t.Errorf("secret in %v", err)
		}
	}
}

func TestOpen_savesTheFirstCallAConnection(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Write([]byte(`{"access_token":"a"}`))
	}))
	opened := make(chan struct{})
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew && connections.Add(1) == 1 {
			close(opened)
		}
	}
	server.Start()
	defer server.Close()

	client := &tsapi.Client{BaseURL: server.URL}
	defer client.Close()
	client.Open(t.Context())
	<-opened
	for range 3 {
		if _, err := client.Exchange(t.Context(), "T1", idToken); err != nil {
			t.Fatal(err)
		}
	}
	if got := connections.Load(); got != 1 {
		t.Errorf("%d connections, want the one opened early", got)
	}
}

func TestOpen_toNobodyLeavesTheErrorToTheCall(t *testing.T) {
	client := &tsapi.Client{BaseURL: "http://127.0.0.1:1"}
	client.Open(t.Context())
	_, err := client.Exchange(context.Background(), "T1", idToken)
	if _, ok := errors.AsType[*retry.Later](err); !ok {
		t.Errorf("error %v, want a network error to try again", err)
	}
}

func TestCheckURL_refusesPlainHTTPButOnLoopback(t *testing.T) {
	for address, ok := range map[string]bool{
		"https://api.tailscale.com": true, "http://127.0.0.1:80": true, "http://[::1]:80": true, "http://localhost": true,
		"http://headscale.example": false, "api.tailscale.com": false, "ftp://x": false, "https://": false, "": false,
	} {
		if err := tsapi.CheckURL(address); (err == nil) != ok {
			t.Errorf("CheckURL(%q) = %v", address, err)
		}
	}
}

func TestClientCredentials_asksForScopesOnlyIfSomeAreNamed(t *testing.T) {
	var got requestlog.Log
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		got.Add(r.PostForm.Get("grant_type") + " " + r.PostForm.Get("scope"))
		w.Write([]byte(`{"access_token":"tskey-api-1","scope":"auth_keys","tags":"tag:a tag:b"}`))
	})
	for _, scopes := range [][]string{nil, {"auth_keys", "devices:core"}} {
		token, err := client.ClientCredentials(t.Context(), "", secret.New("tskey-client-1"), scopes...)
		if err != nil || !cmp.Equal(token.Tags, []string{"tag:a", "tag:b"}) {
			t.Errorf("token with tags %v, %v", token.Tags, err)
		}
	}
	if d := cmp.Diff([]string{"client_credentials ", "client_credentials auth_keys devices:core"}, got.All()); d != "" {
		t.Error(d)
	}
}

// A list of keys has those of all types; a key of an older API has none.
func TestKeys_areAuthKeysOnly(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.String() != "/api/v2/tailnet/acme.example/keys?all=true" {
			t.Errorf("asked %s", r.URL)
		}
		w.Write([]byte(`{"keys":[{"id":"k1","keyType":"auth","invalid":true,"revoked":"2026-08-01T00:00:00Z","expirySeconds":60,
			"capabilities":{"devices":{"create":{"reusable":true,"tags":["tag:ci"]}}}},
			{"id":"T1","keyType":"federated"},{"id":"k2","keyType":"api"},{"id":"k3"}]}`))
	})
	client.Tailnet = "acme.example"
	got, err := client.Keys(t.Context(), tsapi.AccessToken{})
	if err != nil {
		t.Fatal(err)
	}
	want := []tsapi.Key{
		{ID: "k1", Type: "auth", Tags: []string{"tag:ci"}, Reusable: true, Invalid: true, Revoked: time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)},
		{ID: "k3", Type: "auth"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestProbe_reportsWhateverIsAnswered(t *testing.T) {
	date := time.Date(2026, 8, 20, 2, 0, 0, 0, time.UTC)
	for body, want := range map[string]tsapi.Answer{
		`200{"devices":[]}`:             {Status: 200, Date: date},
		`404{"message":"not found"}`:    {Status: 404, Message: "not found", Date: date},
		`502<html> <p>Bad Gateway</p>`:  {Status: 502, Message: "<html> <p>Bad Gateway</p>", Date: date, Foreign: true},
		`302{"message":"Moved to ..."}`: {Status: 302, Message: "Moved to ...", Date: date},
	} {
		client := answering(t, int(body[0]-'0')*100+int(body[1]-'0')*10+int(body[2]-'0'), body[3:],
			http.Header{"Date": {"Thu, 20 Aug 2026 02:00:00 GMT"}, "Location": {"http://127.0.0.1:1/"}})
		got, err := client.Probe(t.Context(), tsapi.AccessToken{}, "/tailnet/-/devices?fields=all")
		if got.Took <= 0 || !got.Sent.Equal(time.Unix(1000, 0)) {
			t.Errorf("%s: sent %v, took %v", body, got.Sent, got.Took)
		}
		got.Took, got.Sent = 0, time.Time{}
		if d := cmp.Diff(want, got); d != "" || err != nil {
			t.Errorf("%s: %v %s", body, err, d)
		}
	}
}

func TestProbe_asksAsNobodyOrAsTheBearer(t *testing.T) {
	var asked requestlog.Log
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(r.Method + " " + r.URL.String() + " " + r.Header.Get("Authorization"))
	})
	for _, token := range []tsapi.AccessToken{{}, {Text: secret.New("tskey-api-1")}} {
		if _, err := client.Probe(t.Context(), token, "/tailnet/-/keys?all=true"); err != nil {
			t.Error(err)
		}
	}
	want := []string{"GET /api/v2/tailnet/-/keys?all=true ", "GET /api/v2/tailnet/-/keys?all=true Bearer tskey-api-1"}
	if d := cmp.Diff(want, asked.All()); d != "" {
		t.Error(d)
	}
}

func TestProbe_whenNobodyAnswersIsALater(t *testing.T) {
	client := &tsapi.Client{BaseURL: "http://127.0.0.1:1"}
	_, err := client.Probe(t.Context(), tsapi.AccessToken{}, "/tailnet/-/keys")
	if _, ok := errors.AsType[*retry.Later](err); !ok {
		t.Errorf("error %v", err)
	}
}
