package azure

import (
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// An Identity is whom Entra ID knows the service as. Without a secret it is a
// federated or a managed one, which ClientID may name. A zero one is found as
// Azure's SDKs find it: by AZURE_* variables, or the machine's.
type Identity struct {
	TenantID, ClientID string
	Secret             secret.Text
}

// credential gets tokens of Entra ID. Where that is says the operator
// (AZURE_AUTHORITY_HOST), so nobody is asked whether the place is a good one.
func (i Identity) credential(o azcore.ClientOptions) (azcore.TokenCredential, error) {
	switch {
	case !i.Secret.IsZero() && (i.TenantID == "" || i.ClientID == ""):
		return nil, diag.Input("clientSecret says nothing without tenantId and clientId", "set the three of them, or none: then it is the machine's identity")
	case !i.Secret.IsZero():
		return azidentity.NewClientSecretCredential(i.TenantID, i.ClientID, i.Secret.Reveal(),
			&azidentity.ClientSecretCredentialOptions{ClientOptions: o, DisableInstanceDiscovery: true})
	case i.ClientID != "":
		return i.machines(o)
	}
	return azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
		ClientOptions: o, TenantID: i.TenantID, DisableInstanceDiscovery: true,
	})
}

// machines is a federated identity where there is a token for one
// (AZURE_FEDERATED_TOKEN_FILE), else a managed one.
func (i Identity) machines(o azcore.ClientOptions) (azcore.TokenCredential, error) {
	federated, err := azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions: o, ClientID: i.ClientID, TenantID: i.TenantID, DisableInstanceDiscovery: true,
	})
	if err == nil {
		return federated, nil
	}
	return azidentity.NewManagedIdentityCredential(&azidentity.ManagedIdentityCredentialOptions{
		ClientOptions: o, ID: azidentity.ClientID(i.ClientID),
	})
}
