//go:build unix

package clients

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const (
	tenant      = "11111111-2222-3333-4444-555555555555"
	application = "66666666-7777-8888-9999-000000000000"
	entra       = "api://AzureADTokenExchange"
)

// entraID stands in for Entra ID: it gives the application an access token if
// it shows one of the issuer.
func entraID(t *testing.T, issuer string) *httptest.Server {
	t.Helper()
	var server *httptest.Server
	server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		base := server.URL + "/" + tenant
		switch {
		case strings.HasSuffix(r.URL.Path, "/.well-known/openid-configuration"):
			json.NewEncoder(w).Encode(map[string]string{
				"issuer": base + "/v2.0", "token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize",
			})
		case r.URL.Path == "/"+tenant+"/oauth2/v2.0/token":
			if r.FormValue("client_id") != application || r.FormValue("client_assertion_type") != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" {
				t.Errorf("asked by %s with %s", r.FormValue("client_id"), r.FormValue("client_assertion_type"))
			}
			if err := verified(r.Context(), issuer, entra, r.FormValue("client_assertion")); err != nil {
				w.WriteHeader(http.StatusUnauthorized)
				json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client", "error_description": err.Error()})
				return
			}
			json.NewEncoder(w).Encode(map[string]any{"token_type": "Bearer", "expires_in": 3600, "access_token": "entra-token"})
		default:
			t.Errorf("asked for %s", r.URL)
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestAzure_readsAFileThatIsKeptFresh(t *testing.T) {
	issuer := serve(t, entra)
	server := entraID(t, issuer)
	t.Setenv("AZURE_TENANT_ID", tenant)
	t.Setenv("AZURE_CLIENT_ID", application)
	t.Setenv("AZURE_FEDERATED_TOKEN_FILE", keepFresh(t, "--sts-url", issuer, "--audience", entra))
	credential, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: azcore.ClientOptions{
			Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: server.URL}, Transport: server.Client(),
		},
		DisableInstanceDiscovery: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://vault.azure.net/.default"}})
	if err != nil || token.Token != "entra-token" {
		t.Errorf("%q, %v", token.Token, err)
	}
}
