package tsapi_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
	var got url.Values
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v2/oauth/token-exchange" || r.URL.RawQuery != "" {
			t.Errorf("asked %s", r.URL)
		}
		r.ParseForm()
		got = r.PostForm
		w.Write([]byte(`{"access_token":"tskey-api-1","token_type":"Bearer","expires_in":3600,"scope":"auth_keys devices:core"}`))
	})
	token, err := client.Exchange(t.Context(), "T1-CNTRL", idToken)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(url.Values{"client_id": {"T1-CNTRL"}, "jwt": {"header.claims.signature"}}, got); d != "" {
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
		"<html>\n  <p>no</p></html>": {Status: 403, Message: "<html> <p>no</p></html>"},
		"":                           {Status: 403},
		strings.Repeat("x", 300):     {Status: 403, Message: strings.Repeat("x", 200) + "…"},
	} {
		_, err := answering(t, 403, body, nil).Exchange(t.Context(), "T1", idToken)
		got, ok := errors.AsType[*tsapi.Error](err)
		if !ok {
			t.Errorf("body %q: error %v", body, err)
			continue
		}
		if d := cmp.Diff(&want, got); d != "" {
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
