package localtailnet

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// call sends a request to the test endpoints and decodes the answer into v.
func call(t *testing.T, tn *Tailnet, method, path, body string, v any) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, tn.ControlURL+"/_test/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, v); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return resp.StatusCode
}

func TestTestAPI_mintsAKey(t *testing.T) {
	tn := start(t, Options{})
	var made struct {
		ID, Secret string
		Tags       []string
		Expires    time.Time
	}
	call(t, tn, "POST", "keys", `{"tags":["tag:ci"],"ephemeral":true,"lifetime":"1h"}`, &made)
	if !strings.HasPrefix(made.Secret, "tskey-auth-"+made.ID) || len(made.Tags) != 1 || time.Until(made.Expires) > time.Hour {
		t.Errorf("got %+v", made)
	}
	var keys []Key
	call(t, tn, "GET", "keys", "", &keys)
	if len(keys) != 1 || keys[0].ID != made.ID || !keys[0].Ephemeral {
		t.Errorf("got %+v, want the key just made", keys)
	}
}

func TestTestAPI_mintsAnIDToken(t *testing.T) {
	tn := start(t, Options{})
	var got struct{ Value string }
	call(t, tn, "POST", "id-token", `{"audience":"a","claims":{"sub":"x:y","ref":null}}`, &got)
	f := Federation{Issuer: tn.IssuerURL, Subject: "x:y", Audience: "a"}
	if err := f.Verify(t.Context(), nil, got.Value, time.Now()); err != nil {
		t.Error(err)
	}
}

func TestTestAPI_setsAFault(t *testing.T) {
	tn := start(t, Options{})
	var got map[string]any
	call(t, tn, "POST", "fault", `{"op":"id-token","status":503,"header":{"Retry-After":["2"]},"delay":"1ms"}`, &got)
	resp, err := http.Get(tn.IDTokenRequestURL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != 503 || resp.Header.Get("Retry-After") != "2" {
		t.Errorf("got %s %v", resp.Status, resp.Header)
	}
	for _, body := range []string{`{"op":"coffee"}`, `{"op":"keys","satus":429}`, `{`} {
		if status := call(t, tn, "POST", "fault", body, &got); status != 400 {
			t.Errorf("%s: got %d, want 400", body, status)
		}
	}
}
