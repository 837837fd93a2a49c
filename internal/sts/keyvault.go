package sts

import (
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/azure"
	"github.com/tailjoin/tailjoin/internal/sts/config"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// azureSecrets keeps the ring, with the private keys, as a secret.
func azureSecrets(c config.SigningKey) (keyStore, error) {
	a := c.AzureKeyVaultSecrets
	at := azure.Connection{URL: a.VaultURL, Identity: azure.Identity{TenantID: a.TenantID, ClientID: a.ClientID, Secret: a.ClientSecret.Text}}
	store, err := azureSecret(at, a.SecretName, c.Rotation.Refresh)
	return keyStore{Store: store, Vault: keyring.Local{}}, err
}

// azureKeys has the vault sign. The ring, which has the names of its keys, is
// a file, or a secret of the same vault for several replicas.
func azureKeys(c config.SigningKey) (keyStore, error) {
	a := c.AzureKeyVaultKeys
	at := azure.Connection{URL: a.VaultURL, Identity: azure.Identity{TenantID: a.TenantID, ClientID: a.ClientID, Secret: a.ClientSecret.Text}}
	keys, err := azure.NewKeys(at, a.KeyName)
	if err != nil {
		return keyStore{}, err
	}
	keys.Hardware = a.Hardware
	made := keyStore{Store: keyring.File{Path: a.StoragePath}, Vault: keys, can: azure.Check}
	if a.SecretName != "" {
		made.Store, err = azureSecret(at, a.SecretName, c.Rotation.Refresh)
	}
	return made, err
}

// shortest is how long a look at a secret may have to take: before a change is
// settled there the vault's versions are some seconds old.
const shortest = 10 * time.Second

func azureSecret(at azure.Connection, name string, refresh time.Duration) (keyring.Store, error) {
	if refresh < shortest {
		return nil, diag.Input("the keys are looked at too often for a secret of a key vault", "a change of it takes some seconds: leave signingKey.rotation.refresh out, or set 10s or more",
			diag.Fact{Name: "signingKey.rotation.refresh", Value: refresh.String()})
	}
	return azure.NewSecret(at, name)
}
