package idtoken

import (
	"cmp"
	"context"
	"net/http"
	"net/url"

	"github.com/tailjoin/tailjoin/internal/diag"
)

// azure asks the service of a container or function app, else the metadata
// service of a machine. The audience must be an application of the tenant. What
// comes is an access token of Entra: a JWT of an OIDC issuer like the others.
// Source: AzureAD/microsoft-authentication-library-for-go, apps/managedidentity.
func azure(ctx context.Context, j job) (string, error) {
	address := cmp.Or(j.Env("AZURE_POD_IDENTITY_AUTHORITY_HOST"), "http://169.254.169.254") + "/metadata/identity/oauth2/token"
	version, header := "2018-02-01", http.Header{"Metadata": {"true"}}
	if isAppService(j.Env) {
		address, version, header = j.Env("IDENTITY_ENDPOINT"), "2019-08-01", http.Header{"X-Identity-Header": {j.Env("IDENTITY_HEADER")}}
	}
	query := url.Values{"api-version": {version}, "resource": {j.audience}}
	if id := j.Env("AZURE_CLIENT_ID"); id != "" { // one of several identities
		query.Set("client_id", id)
	}
	return ask{url: address + "?" + query.Encode(), header: header}.tokenFrom(ctx, metadata(), "access_token")
}

func isAppService(env Env) bool {
	return env("IDENTITY_ENDPOINT") != "" && env("IDENTITY_HEADER") != ""
}

// azureMissing names the one place of Azure that speaks another protocol under
// the same variables.
func azureMissing(j job) *diag.Problem {
	if j.Env("IDENTITY_SERVER_THUMBPRINT") == "" {
		return nil
	}
	return noToken("tailjoin cannot ask Service Fabric for a token: its service has a certificate of its own",
		"have a program of yours write the token to a file, and name it:\n  id-token-source: file:PATH", nil)
}
