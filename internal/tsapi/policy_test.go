package tsapi_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tailjoin/tailjoin/internal/requestlog"
	"github.com/tailjoin/tailjoin/internal/retry"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

var apiToken = tsapi.AccessToken{Text: secret.New("tskey-api-1")}

// Tags of every form, none among them: gitops-pusher ends with a panic at the
// shorter ones, and spoils the weak ones.
func TestPolicy_readsEveryETag(t *testing.T) {
	for header, want := range map[string]string{
		`"abc"`: "abc", `W/"abc"`: "abc", ` "abc" `: "abc", `abc`: "abc", `"`: "", `""`: "", ``: "", `W/`: "", `x`: "x", `W/"`: "",
	} {
		client := answering(t, 200, "{} // text", http.Header{"Etag": {header}})
		got, err := client.Policy(t.Context(), apiToken)
		if err != nil || got.ETag != want || string(got.Text) != "{} // text" {
			t.Errorf("ETag %q: got %q with %q (%v), want %q", header, got.ETag, got.Text, err, want)
		}
	}
}

func TestPolicy_sendsWhatTheAPIWants(t *testing.T) {
	var asked requestlog.Log
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked.Add(strings.Join([]string{r.Method, r.URL.EscapedPath(), string(body), r.Header.Get("Accept"), r.Header.Get("Content-Type"),
			r.Header.Get("If-Match"), r.Header.Get("Authorization")}, " | "))
		w.Header().Set("ETag", `"new"`)
		if !strings.HasSuffix(r.URL.Path, "/validate") {
			w.Write([]byte("{}"))
		}
	})
	if _, err := client.Policy(t.Context(), apiToken); err != nil {
		t.Error(err)
	}
	client.Tailnet = "acme.example"
	if got, err := client.SetPolicy(t.Context(), apiToken, []byte("{1}"), "old"); err != nil || got.ETag != "new" {
		t.Errorf("set: %+v, %v", got, err)
	}
	if _, err := client.SetPolicy(t.Context(), apiToken, []byte("{2}"), ""); err != nil {
		t.Error(err)
	}
	if v, err := client.ValidatePolicy(t.Context(), apiToken, []byte("{3}")); err != nil || v.Refused() {
		t.Errorf("validate: %+v, %v", v, err)
	}
	const h = "application/hujson"
	want := []string{
		"GET | /api/v2/tailnet/-/acl |  | " + h + " |  |  | Bearer tskey-api-1",
		"POST | /api/v2/tailnet/acme.example/acl | {1} | " + h + " | " + h + ` | "old" | Bearer tskey-api-1`,
		"POST | /api/v2/tailnet/acme.example/acl | {2} | " + h + " | " + h + " |  | Bearer tskey-api-1",
		"POST | /api/v2/tailnet/acme.example/acl/validate | {3} | " + h + " | " + h + " |  | Bearer tskey-api-1",
	}
	if d := cmp.Diff(want, asked.All()); d != "" {
		t.Errorf("asked (-want +got):\n%s", d)
	}
}

func TestSetPolicy_keepsStatusAndFindingsWhateverTheBody(t *testing.T) {
	for body, want := range map[string]tsapi.Error{
		`{"message":"test(s) failed","data":[{"user":"a@b.c","errors":["address \"x:1\": want: Drop, got: Accept"]}]}`: {
			Status: 400, Message: "test(s) failed", Findings: []tsapi.Finding{{User: "a@b.c", Errors: []string{`address "x:1": want: Drop, got: Accept`}}}},
		`{"message":"line 3, column 5: invalid","data":{"other":"shape"}}`: {Status: 400, Message: "line 3, column 5: invalid"},
		"<html><body>Bad Request</body></html>":                            {Status: 400, Message: "<html><body>Bad Request</body></html>", Foreign: true},
		"":                                                                 {Status: 400, Foreign: true},
	} {
		for call, err := range bothCalls(t, answering(t, 400, body, nil)) {
			got, ok := errors.AsType[*tsapi.Error](err)
			if !ok {
				t.Errorf("%s, body %q: error %v", call, body, err)
			} else if d := cmp.Diff(&want, got, cmpopts.IgnoreFields(tsapi.Error{}, "Date")); d != "" {
				t.Errorf("%s, body %q: %s", call, body, d)
			}
		}
	}
	for call, err := range bothCalls(t, answering(t, 502, "<html>", nil)) {
		if _, again := errors.AsType[*retry.Later](err); !again || !strings.Contains(err.Error(), "502") {
			t.Errorf("%s: %v, want a 502 to try again", call, err)
		}
	}
}

func bothCalls(t *testing.T, c *tsapi.Client) map[string]error {
	t.Helper()
	_, set := c.SetPolicy(t.Context(), apiToken, []byte("{}"), "old")
	_, validated := c.ValidatePolicy(t.Context(), apiToken, []byte("{}"))
	return map[string]error{"set": set, "validate": validated}
}

func TestValidatePolicy_tellsWarningsFromErrors(t *testing.T) {
	for body, refused := range map[string]bool{
		``:                                   false,
		`{}`:                                 false,
		`{"message":"line 1, column 2: no"}`: true,
		`{"message":"warning(s) found","data":[{"user":"g","warnings":["w"]}]}`:                    false,
		`{"data":[{"user":"g","warnings":["w"]}]}`:                                                 false,
		`{"data":[{"user":"g","errors":["e"]}]}`:                                                   true,
		`{"message":"test(s) failed","data":[{"user":"g","warnings":["w"]},{"errors":["e","f"]}]}`: true,
	} {
		v, err := answering(t, 200, body, nil).ValidatePolicy(t.Context(), apiToken, []byte("{}"))
		if err != nil || v.Refused() != refused {
			t.Errorf("%s: %+v is refused: %t (%v), want %t", body, v, v.Refused(), err, refused)
		}
	}
	if v, err := answering(t, 200, "<html>log in first</html>", nil).ValidatePolicy(t.Context(), apiToken, []byte("{}")); err == nil {
		t.Errorf("a page of HTML is taken for the verdict %+v", v)
	}
}

func TestPolicy_isNotReadWithoutEnd(t *testing.T) {
	client := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		for range 20 {
			w.Write(make([]byte, 1<<20))
		}
	})
	if p, err := client.Policy(t.Context(), apiToken); err == nil {
		t.Errorf("got %d bytes", len(p.Text))
	}
}

func TestPolicy_showsItsTokenToNobodyElse(t *testing.T) {
	var asked atomic.Bool
	other := serve(t, func(http.ResponseWriter, *http.Request) { asked.Store(true) })
	client := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.BaseURL, http.StatusTemporaryRedirect)
	})
	_, err := client.Policy(t.Context(), apiToken)
	if answer, ok := errors.AsType[*tsapi.Error](err); !ok || answer.Status != 307 || asked.Load() {
		t.Errorf("error %v; the other server was asked: %t", err, asked.Load())
	}
}
