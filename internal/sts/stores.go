package sts

import (
	"github.com/tailjoin/tailjoin/internal/sts/config"
	"github.com/tailjoin/tailjoin/internal/sts/etcd"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// A keyStore is where a ring is kept, and what signs with its keys.
type keyStore struct {
	keyring.Store
	keyring.Vault
	can func(algorithms []string) error // nil: it signs with all of them
}

// stores are the ways to keep keys, by signingKey.storage in lower case, as the
// configuration knows them. One more is a row.
var stores = map[string]func(config.SigningKey) (keyStore, error){
	"file": func(c config.SigningKey) (keyStore, error) {
		return keyStore{Store: keyring.File{Path: c.File.StoragePath}, Vault: keyring.Local{}}, nil
	},
	"etcd": func(c config.SigningKey) (keyStore, error) {
		store, err := etcd.New(etcd.Options{
			Endpoints: c.Etcd.Endpoints, Key: c.Etcd.Key, User: c.Etcd.Username, Password: c.Etcd.Password.Text,
			CAFile: c.Etcd.CAFile, CertFile: c.Etcd.CertFile, KeyFile: c.Etcd.KeyFile,
		})
		return keyStore{Store: store, Vault: keyring.Local{}}, err
	},
	"memory": func(config.SigningKey) (keyStore, error) {
		return keyStore{Store: &keyring.Memory{}, Vault: keyring.Local{}}, nil
	},
	"azurekeyvaultsecrets": azureSecrets,
	"azurekeyvaultkeys":    azureKeys,
}

// openKeys is the ring of a configuration, not opened yet.
func (f *front) openKeys(c *config.Config) (*keyring.Keeper, error) {
	store, err := stores[c.SigningKey.Storage](c.SigningKey)
	if err != nil {
		return nil, err
	}
	p, err := c.Policy()
	if err != nil {
		return nil, err
	}
	if store.can != nil {
		if err := store.can(p.Algorithms()); err != nil {
			return nil, err
		}
	}
	if c.SigningKey.Storage == "memory" {
		f.logger(c.Logs).Warn("the signing keys are in memory: they end with the process, and so do the tokens that they signed")
	}
	timing, err := c.Timing()
	return &keyring.Keeper{Store: store.Store, Vault: store.Vault, Algorithms: p.Algorithms(), Timing: timing, Log: f.logger(c.Logs)}, err
}
