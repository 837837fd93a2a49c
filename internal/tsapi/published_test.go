package tsapi_test

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/tsapi"
)

// The local tailnet refuses every request of tailjoin that Tailscale does not
// publish. Here each method of the client sends one.
func TestClient_asksOnlyForWhatTailscalePublishes(t *testing.T) {
	tailnet, err := localtailnet.Start(t.Context(), localtailnet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tailnet.Close)
	tailnet.AddCredential(localtailnet.Credential{
		ClientID: "T1", Issuer: tailnet.IssuerURL, Subject: "repo:*", Scopes: []string{"all"}, Tags: []string{"tag:ci"},
	})
	tailnet.AddCredential(localtailnet.Credential{ClientID: "k1", Secret: "tskey-client-k1-x", Scopes: []string{"all"}, Tags: []string{"tag:ci"}})
	node := tailnet.AddNode("ci", localtailnet.KeyOptions{Tags: []string{"tag:ci"}})
	idToken, err := tailnet.Issuer().Mint("api.tailscale.com/T1", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &tsapi.Client{BaseURL: tailnet.ControlURL}
	t.Cleanup(client.Close)
	token := tsapi.AccessToken{Text: secret.New(tailnet.MintAPIKey(time.Hour))}
	federated := tsapi.Credential{
		Kind: tsapi.Federated, Description: "web", Scopes: []string{"auth_keys"}, Tags: []string{"tag:ci"},
		Issuer: tailnet.IssuerURL, Subject: "repo:*", Audience: "x", // no claims: they must not become null
	}
	oauth := tsapi.Credential{Kind: tsapi.OAuthClient, Description: "web", Scopes: []string{"dns"}}
	var key tsapi.AuthKey
	called := []string{}
	for _, c := range []struct {
		method string
		call   func(context.Context) error
	}{
		{"Exchange", func(ctx context.Context) error { return second(client.Exchange(ctx, "T1", secret.New(idToken))) }},
		{"ClientCredentials", func(ctx context.Context) error {
			return second(client.ClientCredentials(ctx, "k1", secret.New("tskey-client-k1-x"), "auth_keys"))
		}},
		{"CreateKey", func(ctx context.Context) (err error) {
			key, err = client.CreateKey(ctx, token, tsapi.KeyRequest{Tags: []string{"tag:ci"}, Lifetime: time.Hour, Description: "web"})
			return err
		}},
		{"Key", func(ctx context.Context) error { return second(client.Key(ctx, token, key.ID)) }},
		{"Keys", func(ctx context.Context) error { return second(client.Keys(ctx, token)) }},
		{"KeysDescribed", func(ctx context.Context) error { return second(client.KeysDescribed(ctx, token, "web")) }},
		{"RevokeKey", func(ctx context.Context) error { return client.RevokeKey(ctx, token, key.ID) }},
		{"CreateCredential", func(ctx context.Context) (err error) {
			if oauth, _, err = client.CreateCredential(ctx, token, oauth); err == nil {
				federated, _, err = client.CreateCredential(ctx, token, federated)
			}
			return err
		}},
		{"SetCredential", func(ctx context.Context) error {
			if _, err := client.SetCredential(ctx, token, oauth); err != nil {
				return err
			}
			return second(client.SetCredential(ctx, token, federated))
		}},
		{"Credential", func(ctx context.Context) error { return second(client.Credential(ctx, token, federated.ID)) }},
		{"Credentials", func(ctx context.Context) error { return second(client.Credentials(ctx, token)) }},
		{"DeleteCredential", func(ctx context.Context) error { return client.DeleteCredential(ctx, token, federated.ID) }},
		{"Policy", func(ctx context.Context) error { return second(client.Policy(ctx, token)) }},
		{"SetPolicy", func(ctx context.Context) error {
			return second(client.SetPolicy(ctx, token, []byte("{}"), "ts-default"))
		}},
		{"ValidatePolicy", func(ctx context.Context) error { return second(client.ValidatePolicy(ctx, token, []byte("{}"))) }},
		{"Probe", func(ctx context.Context) error { return second(client.Probe(ctx, token, "/device/"+node.ID)) }},
		{"DeleteDevice", func(ctx context.Context) error { return client.DeleteDevice(ctx, token, node.ID) }},
	} {
		if err := c.call(t.Context()); err != nil {
			t.Errorf("%s: %v", c.method, err)
		}
		called = append(called, c.method)
	}
	want := []string{
		"DELETE /device/{deviceId}", "DELETE /tailnet/{tailnet}/keys/{keyId}", "GET /device/{deviceId}",
		"GET /tailnet/{tailnet}/acl", "GET /tailnet/{tailnet}/keys", "GET /tailnet/{tailnet}/keys/{keyId}",
		"POST /oauth/token", "POST /oauth/token-exchange", "POST /tailnet/{tailnet}/acl", "POST /tailnet/{tailnet}/acl/validate",
		"POST /tailnet/{tailnet}/keys", "PUT /tailnet/{tailnet}/keys/{keyId}",
	}
	if d := cmp.Diff(want, tailnet.Operations()); d != "" {
		t.Errorf("operations (-want +got):\n%s", d)
	}
	for m := range reflect.TypeFor[*tsapi.Client]().Methods() {
		if !slices.Contains(called, m.Name) && m.Name != "Open" && m.Name != "Close" {
			t.Errorf("%s is not tried here", m.Name)
		}
	}
}

func second[T any](_ T, err error) error { return err }
