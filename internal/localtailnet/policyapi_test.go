package localtailnet

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailscale/hujson"
	tailscale "tailscale.com/client/tailscale/v2"
)

// onlyCI lets tag:ci reach port 80 of tag:server.
const onlyCI = `{
	// who deploys
	"tagOwners": {"tag:ci": [], "tag:server": ["tag:ci"]},
	"grants": [{"src": ["tag:ci"], "dst": ["tag:server"], "ip": ["tcp:80"]}],
	"tests": [{"src": "tag:ci", "accept": ["tag:server:80"], "deny": ["tag:server:22"]}],
}
`

// policyClient is the official client of somebody who may change the policy.
func policyClient(t *testing.T, tn *Tailnet) *tailscale.PolicyFileResource {
	t.Helper()
	return (&tailscale.Client{BaseURL: mustURL(t, tn.ControlURL), APIKey: tn.MintAPIKey(time.Hour)}).PolicyFile()
}

func TestPolicyAPI_keepsWhatIsSet(t *testing.T) {
	tn := start(t, Options{})
	api := policyClient(t, tn)
	before, err := api.Raw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := api.Set(t.Context(), onlyCI, before.ETag); err != nil {
		t.Fatal(err)
	}
	after, err := api.Raw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	formatted, err := hujson.Format([]byte(onlyCI))
	if err != nil {
		t.Fatal(err)
	}
	want := &tailscale.RawACL{HuJSON: string(formatted), ETag: fmt.Sprintf(`"%x"`, sha256.Sum256(formatted))}
	if d := cmp.Diff(want, after); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	parsed, err := api.Get(t.Context())
	if err != nil || parsed.ETag != want.ETag || len(parsed.Grants) != 1 || parsed.Grants[0].IP[0] != "tcp:80" {
		t.Errorf("as JSON: got %+v, %v", parsed, err)
	}
}

func TestPolicyAPI_refusesToOverwriteWhatItDidNotSee(t *testing.T) {
	tn := start(t, Options{})
	api := policyClient(t, tn)
	stale := refusal{412, "precondition failed, invalid old hash"}
	if err := api.Set(t.Context(), onlyCI, "ts-default"); err != nil {
		t.Errorf("over the policy of a new tailnet: %v", err)
	}
	for _, etag := range []string{"ts-default", strings.Repeat("0", 64)} {
		if d := cmp.Diff(stale, refused(t, api.Set(t.Context(), "{}", etag))); d != "" {
			t.Errorf("%s (-want +got):\n%s", etag, d)
		}
	}
	if events := tn.Events(); events[len(events)-1].Status != 412 {
		t.Errorf("got event %+v, want status 412", events[len(events)-1])
	}
	if err := api.Set(t.Context(), `{"acls": []}`, ""); err != nil {
		t.Errorf("without a condition: %v", err)
	}
}

// A policy that is sent as JSON stays JSON: the client reads the answer so.
func TestPolicyAPI_answersInJSON(t *testing.T) {
	tn := start(t, Options{})
	want := []tailscale.Grant{{Source: []string{"*"}, Destination: []string{"10.0.0.0/8"}, IP: []string{"443"}}}
	got, err := policyClient(t, tn).SetAndGet(t.Context(), tailscale.ACL{Grants: want}, "")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got.Grants); d != "" || got.ETag != `"`+tn.state.policy.etag+`"` {
		t.Errorf("ETag %s, (-want +got):\n%s", got.ETag, d)
	}
}

// Faults and events are as with the other calls.
func TestPolicyAPI_canFail(t *testing.T) {
	tn := start(t, Options{})
	if err := tn.SetFault(OpPolicy, Fault{Method: "POST", Times: 1, Status: 502, Body: "<html>"}); err != nil {
		t.Fatal(err)
	}
	if status, body := policyRequest(t, tn, "POST", "", "{}"); status != 502 || body != "<html>" {
		t.Errorf("got %d %s", status, body)
	}
	if status, _ := policyRequest(t, tn, "POST", "", "{"); status != 400 {
		t.Errorf("got %d, want 400", status)
	}
	events := tn.Events()
	if last := events[len(events)-1]; last.Op != OpPolicy || last.Status != 400 || !strings.HasPrefix(last.Detail, "line 1, column 2") {
		t.Errorf("got event %+v", last)
	}
}

func TestPolicyAPI_scopes(t *testing.T) {
	for _, tt := range []struct {
		scopes           string
		read, set, check bool
	}{
		{"policy_file devices:core:read devices:posture_attributes", true, true, true},
		{"policy_file devices", true, true, true},
		{"policy_file", false, false, false},
		{"policy_file devices:core:read", false, false, false},
		{"policy_file devices:posture_attributes", false, false, false},
		{"policy_file devices:core:read devices:posture_attributes:read", false, false, false},
		{"policy_file:read devices:core:read devices:posture_attributes:read", true, false, true},
		{"policy_file:read devices:core devices:posture_attributes", true, false, true},
		{"policy_file:read", false, false, false},
		{"policy_file:read devices:core:read", false, false, false},
		{"policy_file policy_file:read devices:core:read devices:posture_attributes:read", true, false, true},
		{"acl", true, true, true},
		{"acl:read", true, false, true},
		{"all:read", true, false, true},
		{"auth_keys", false, false, false},
	} {
		tn := start(t, Options{})
		api := clientWith(t, tn, strings.Fields(tt.scopes)...).PolicyFile()
		_, errRead := api.Raw(t.Context())
		errSet := api.Set(t.Context(), onlyCI, "")
		errCheck := api.Validate(t.Context(), onlyCI)
		for doing, got := range map[string]struct {
			err  error
			want bool
		}{"read": {errRead, tt.read}, "set": {errSet, tt.set}, "validate": {errCheck, tt.check}} {
			if got.want && got.err != nil {
				t.Errorf("%s: %s: %v", tt.scopes, doing, got.err)
			}
			if !got.want && refused(t, got.err).Status != 403 {
				t.Errorf("%s: %s: got %v, want 403", tt.scopes, doing, got.err)
			}
		}
	}
}

func TestPolicyAPI_details(t *testing.T) {
	tn := start(t, Options{})
	if err := tn.SetPolicy(`{"groups": {"group:dev": ["alice@example.com", "owner@tailjoin.example"]}}`); err != nil {
		t.Fatal(err)
	}
	_, body := policyRequest(t, tn, "GET", "?details=1", "")
	var got struct {
		ACL              string
		Warnings, Errors []string
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	text, _ := base64.StdEncoding.DecodeString(got.ACL)
	if string(text) != tn.Policy() {
		t.Errorf("got %q, want %q", text, tn.Policy())
	}
	if d := cmp.Diff([]string{`"group:dev": user not found: "alice@example.com"`}, got.Warnings); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// policyRequest is what a program sends that is not the official client.
func policyRequest(t *testing.T, tn *Tailnet, method, path, body string) (status int, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, tn.ControlURL+"/api/v2/tailnet/-/acl"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(tn.MintAPIKey(time.Hour), "")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(b))
}

func TestPolicyAPI_validates(t *testing.T) {
	tn := start(t, Options{})
	if err := tn.SetPolicy(onlyCI); err != nil {
		t.Fatal(err)
	}
	held := tn.Policy()
	for _, tt := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"good file", onlyCI, 200, `{}`},
		{"file with a failing test", strings.Replace(onlyCI, "tcp:80", "tcp:81", 1), 200,
			`{"message":"test(s) failed","data":[{"user":"tag:ci","errors":["address \"tag:server:80\": want: Accept, got: Drop"]}]}`},
		{"file that is wrong", `{"grants": [], "acl": []}`, 200, `{"message":"line 1, column 16: unknown field \"acl\""}`},
		{"no HuJSON", "{\n\t\"grants\" [],\n}", 400,
			`{"message":"line 2, column 11: invalid character '[' after object name"}`},
		{"warning", `{"grants": [{"src": ["group:eng@example.com"], "dst": ["*"], "ip": ["*"]}]}`, 200,
			`{"message":"warning(s) found","data":[{"user":"group:eng@example.com","warnings":["group is not syncing from SCIM and will be ignored by rules in the policy file"]}]}`},
		{"good tests", `[{"src": "tag:ci", "accept": ["tag:server:80"]}]`, 200, `{}`},
		{"failing tests", `[{"src": "tag:ci", "deny": ["tag:server:80"]}]`, 200,
			`{"message":"test(s) failed","data":[{"user":"tag:ci","errors":["address \"tag:server:80\": want: Drop, got: Accept"]}]}`},
		{"tests that are wrong", `[{"src": "tag:nobodys", "deny": ["tag:server:80"]}]`, 200, `{"message":"test(s) failed","data":[{"user":"tag:nobodys","errors":["tag not found: \"tag:nobodys\""]}]}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			status, got := policyRequest(t, tn, "POST", "/validate", tt.body)
			if d := cmp.Diff(fmt.Sprint(tt.status, " ", tt.want), fmt.Sprint(status, " ", got)); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
	if tn.Policy() != held {
		t.Error("validate has changed the policy")
	}
}

func TestPolicyAPI_setRefusesWhatIsWrong(t *testing.T) {
	tn := start(t, Options{})
	for _, tt := range []struct{ body, want string }{
		{`{"grants": [{"src": ["tag:ci"], "dst": ["*"], "ip": ["*"]}]}`, `{"message":"src=tag not found: \"tag:ci\""}`},
		{strings.Replace(onlyCI, `"deny": ["tag:server:22"]`, `"deny": ["tag:server:80"]`, 1),
			`{"message":"test(s) failed","data":[{"user":"tag:ci","errors":["address \"tag:server:80\": want: Drop, got: Accept"]}]}`},
	} {
		status, got := policyRequest(t, tn, "POST", "", tt.body)
		if d := cmp.Diff("400 "+tt.want, fmt.Sprint(status, " ", got)); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	if !tn.state.policy.untouched {
		t.Error("what is refused has become the policy")
	}
}

// open lets tag:ci in at one port of tag:server.
func open(port string) string {
	return `{
		"tagOwners": {"tag:ci": [], "tag:server": []},
		"grants": [{"src": ["tag:ci"], "dst": ["tag:server"], "ip": ["tcp:` + port + `"], "app": {"example.com/cap/at": [{"port": "` + port + `"}]}}],
	}`
}
