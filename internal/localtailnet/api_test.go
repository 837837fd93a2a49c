package localtailnet

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	tailscale "tailscale.com/client/tailscale/v2"
)

// The trust credential of most tests.
const clientID = "Tlocal-CNTRL"

// start runs a tailnet with a credential for its own issuer's job.
func start(t *testing.T, o Options) *Tailnet {
	t.Helper()
	tn, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tn.Close)
	t.Cleanup(func() { tn.checkAnswers(t) })
	tn.AddCredential(Credential{
		ClientID: clientID,
		Scopes:   []string{"auth_keys", "devices:core"},
		Tags:     []string{"tag:ci"},
		Issuer:   tn.IssuerURL, Subject: "repo:acme/web:*",
	})
	return tn
}

// client is the official client, with ID tokens whose claims are overridden.
func client(t *testing.T, tn *Tailnet, claims map[string]any) *tailscale.Client {
	t.Helper()
	return &tailscale.Client{BaseURL: mustURL(t, tn.ControlURL), Auth: &tailscale.IdentityFederation{
		ClientID:    clientID,
		IDTokenFunc: func() (string, error) { return tn.Issuer().Mint("api.tailscale.com/"+clientID, claims) },
	}}
}

// clientWith is the official client of an OAuth client with these scopes.
func clientWith(t *testing.T, tn *Tailnet, scopes ...string) *tailscale.Client {
	t.Helper()
	tn.AddCredential(Credential{ClientID: "k1", Secret: "tskey-client-k1-x", Scopes: scopes, Tags: []string{"tag:ci"}})
	return &tailscale.Client{BaseURL: mustURL(t, tn.ControlURL), Auth: &tailscale.OAuth{ClientID: "k1", ClientSecret: "tskey-client-k1-x"}}
}

func mustURL(t *testing.T, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// keyRequest asks for a key as a CI job does.
func keyRequest(tags ...string) tailscale.CreateKeyRequest {
	r := tailscale.CreateKeyRequest{ExpirySeconds: 300, Description: "tailjoin run 12"}
	c := &r.Capabilities.Devices.Create
	c.Ephemeral, c.Preauthorized, c.Tags = true, true, tags
	return r
}

// refusal is an error of the API, as the client shows it.
type refusal struct {
	Status  int
	Message string
}

func refused(t *testing.T, err error) refusal {
	t.Helper()
	var e tailscale.APIError
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an error of the API", err)
	}
	return refusal{e.Status, e.Message}
}

func TestKeys_withTheOfficialClient(t *testing.T) {
	tn := start(t, Options{})
	keys := client(t, tn, nil).Keys()

	made, err := keys.CreateAuthKey(t.Context(), keyRequest("tag:ci"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(made.Key, "tskey-auth-"+made.ID+"-") {
		t.Errorf("got key %q, want one that starts with its id %s", made.Key, made.ID)
	}
	if left := time.Until(made.Expires); left > 5*time.Minute || left < 4*time.Minute {
		t.Errorf("expires in %v, want 5 minutes", left)
	}
	got, err := keys.Get(t.Context(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	want := *made
	want.Key = "" // shown once
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("getting the key (-made +got):\n%s", diff)
	}
	if list := mustList(t, keys); len(list) != 1 || list[0].ID != made.ID {
		t.Errorf("got %v, want the key alone", list)
	}
	if err := keys.Delete(t.Context(), made.ID); err != nil {
		t.Fatal(err)
	}
	if list := mustList(t, keys); len(list) != 0 {
		t.Errorf("after deletion: got %v, want none", list)
	}
	if got, err = keys.Get(t.Context(), made.ID); err != nil || !got.Invalid || got.Revoked.IsZero() {
		t.Errorf("after deletion: got %+v, %v; want it invalid and revoked", got, err)
	}
	if err := keys.Delete(t.Context(), made.ID); !tailscale.IsNotFound(err) {
		t.Errorf("deleting again: got %v, want 404", err)
	}
}

func mustList(t *testing.T, keys *tailscale.KeysResource) []tailscale.Key {
	t.Helper()
	list, err := keys.List(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestKeys_refused(t *testing.T) {
	tn := start(t, Options{})
	keys := client(t, tn, nil).Keys()
	tests := map[string]struct {
		change func(*tailscale.CreateKeyRequest)
		want   string
	}{
		"foreign tag": {func(r *tailscale.CreateKeyRequest) {
			r.Capabilities.Devices.Create.Tags = []string{"tag:ci", "tag:prod"}
		}, "requested tags [tag:prod] are invalid or not permitted"},
		"no tags": {func(r *tailscale.CreateKeyRequest) {
			r.Capabilities.Devices.Create.Tags = nil
		}, "tailnet-owned auth key must have tags set"},
		"slash in the description": {func(r *tailscale.CreateKeyRequest) {
			r.Description = "acme/web"
		}, "description must have at most 50 characters: letters, digits, hyphens, spaces"},
		"long description": {func(r *tailscale.CreateKeyRequest) {
			r.Description = strings.Repeat("x", 51)
		}, "description must have at most 50 characters: letters, digits, hyphens, spaces"},
		"a hundred days": {func(r *tailscale.CreateKeyRequest) {
			r.ExpirySeconds = 100 * 24 * 3600
		}, "expirySeconds must be at most 90 days"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			req := keyRequest("tag:ci")
			test.change(&req)
			_, err := keys.CreateAuthKey(t.Context(), req)
			if diff := cmp.Diff(refusal{400, test.want}, refused(t, err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if keys := tn.Keys(); len(keys) != 0 {
		t.Errorf("got keys %v, want none", keys)
	}
}

func TestExchange_refusedWithoutAReason(t *testing.T) {
	tests := map[string]map[string]any{
		"wrong audience": {"aud": "https://github.com/acme"},
		"wrong subject":  {"sub": "repo:evil/web:ref:refs/heads/main"},
		"wrong issuer":   {"iss": "https://token.actions.githubusercontent.com"},
		// Refused by the client itself unless it is in the future there.
		"not valid yet": {"nbf": time.Now().Add(time.Hour).Unix()},
	}
	for name, claims := range tests {
		t.Run(name, func(t *testing.T) {
			tn := start(t, Options{})
			_, err := client(t, tn, claims).Keys().List(t.Context(), false)
			if err == nil || !strings.Contains(err.Error(), `status 403: {"message":"Unauthorized"}`) {
				t.Errorf("got %v, want 403 Unauthorized and nothing more", err)
			}
			last := tn.Events()[len(tn.Events())-1]
			if last.Op != OpExchange || last.Status != 403 || !strings.HasPrefix(last.Detail, clientID+": ") {
				t.Errorf("got event %+v, want the reason in it", last)
			}
		})
	}
}

// post sends a form to the API and returns the status and the answer.
func post(t *testing.T, tn *Tailnet, path string, form url.Values, header http.Header) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", tn.ControlURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

func TestExchange_asTheOfficialCLISendsIt(t *testing.T) {
	tn := start(t, Options{})
	token, err := tn.Issuer().Mint("api.tailscale.com/"+clientID, nil)
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{"client_id": {clientID}, "jwt": {token}, "grant_type": {"authorization_code"}, "code": {""}}
	header := http.Header{"Authorization": {"Basic Og=="}}
	for _, want := range []string{"", ", REPLAYED"} {
		status, got := post(t, tn, "/api/v2/oauth/token-exchange", form, header)
		secret, _ := got["access_token"].(string)
		if !strings.HasPrefix(secret, "tskey-api-") {
			t.Errorf("got token %q, want tskey-api-…", secret)
		}
		delete(got, "access_token")
		wantAnswer := map[string]any{"token_type": "Bearer", "expires_in": 3600.0, "scope": "auth_keys devices:core"}
		if diff := cmp.Diff(wantAnswer, got); diff != "" || status != 200 {
			t.Errorf("%d (-want +got):\n%s", status, diff)
		}
		events := tn.Events()
		if last := events[len(events)-1].Detail; last != clientID+": sub repo:acme/web:ref:refs/heads/main"+want {
			t.Errorf("got event %q", last)
		}
	}
}

func TestExchange_unknownClient(t *testing.T) {
	tn := start(t, Options{})
	form := url.Values{"client_id": {"Tother-CNTRL"}, "jwt": {"x.y.z"}}
	status, got := post(t, tn, "/api/v2/oauth/token-exchange", form, http.Header{})
	if status != 401 || got["message"] != "invalid client" {
		t.Errorf("got %d %v, want 401 invalid client", status, got)
	}
}

func TestAccessToken_expires(t *testing.T) {
	tn := start(t, Options{TokenLifetime: time.Nanosecond})
	_, err := client(t, tn, nil).Keys().List(t.Context(), false)
	if diff := cmp.Diff(refusal{401, "API token invalid"}, refused(t, err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOAuthClient_asksForLess(t *testing.T) {
	tn := start(t, Options{})
	tn.AddCredential(Credential{ClientID: "k1", Secret: "s3cret", Scopes: []string{"auth_keys", "devices:core"}, Tags: []string{"tag:ci"}})
	tests := map[string]struct {
		secret, scope string
		wantStatus    int
		wantScope     any
	}{
		"nothing less":  {"s3cret", "", 200, "auth_keys devices:core"},
		"one scope":     {"s3cret", "devices:core:read", 200, "devices:core:read"},
		"a foreign one": {"s3cret", "policy_file", 403, nil},
		"wrong secret":  {"guess", "", 401, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			form := url.Values{"client_id": {"any"}, "client_secret": {test.secret}, "scope": {test.scope}}
			status, got := post(t, tn, "/api/v2/oauth/token", form, http.Header{})
			if status != test.wantStatus || got["scope"] != test.wantScope {
				t.Errorf("got %d %v, want %d with scope %v", status, got, test.wantStatus, test.wantScope)
			}
		})
	}
}

func TestScopes(t *testing.T) {
	tests := map[string]struct {
		scopes []string
		call   func(context.Context, *tailscale.Client) error
		want   int // 0 is no refusal
	}{
		"keys with auth_keys":      {[]string{"auth_keys"}, createKey, 0},
		"keys with all":            {[]string{"all"}, createKey, 0},
		"keys with auth_keys:read": {[]string{"auth_keys:read"}, createKey, 403},
		"keys with devices":        {[]string{"devices"}, createKey, 403},
		"devices with devices":     {[]string{"devices"}, listDevices, 0},
		"devices with core:read":   {[]string{"devices:core:read"}, listDevices, 0},
		"devices with all:read":    {[]string{"all:read"}, listDevices, 0},
		"devices with auth_keys":   {[]string{"auth_keys"}, listDevices, 403},
		"deletion with core:read":  {[]string{"devices:core:read"}, deleteDevice, 403},
		"deletion with core":       {[]string{"devices:core"}, deleteDevice, 404},
		"services with services":   {[]string{"services"}, listServices, 0},
		"services with auth_keys":  {[]string{"auth_keys"}, listServices, 404}, // by the older path
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			tn := start(t, Options{})
			err := test.call(t.Context(), clientWith(t, tn, test.scopes...))
			if got := statusOf(err); got != test.want {
				t.Errorf("got %v, want status %d", err, test.want)
			}
			if test.want == 403 && refused(t, err).Message != errScope.Message {
				t.Errorf("got %v, want %q", err, errScope.Message)
			}
		})
	}
}

func createKey(ctx context.Context, c *tailscale.Client) error {
	_, err := c.Keys().CreateAuthKey(ctx, keyRequest("tag:ci"))
	return err
}

func listDevices(ctx context.Context, c *tailscale.Client) error {
	_, err := c.Devices().List(ctx)
	return err
}

func listServices(ctx context.Context, c *tailscale.Client) error {
	_, err := c.VIPServices().List(ctx)
	return err
}

func deleteDevice(ctx context.Context, c *tailscale.Client) error {
	return c.Devices().Delete(ctx, "n1CNTRL")
}

func statusOf(err error) int {
	var e tailscale.APIError
	errors.As(err, &e)
	return e.Status
}

func TestAPI_otherTailnet(t *testing.T) {
	tn := start(t, Options{Name: "acme.example"})
	for name, want := range map[string]int{"-": 0, "acme.example": 0, "other.example": 404} {
		c := clientWith(t, tn, "all")
		c.Tailnet = name
		if err := listDevices(t.Context(), c); statusOf(err) != want {
			t.Errorf("tailnet %s: got %v, want status %d", name, err, want)
		}
	}
}
