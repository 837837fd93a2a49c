package sts

import (
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/config"
	"github.com/tailjoin/tailjoin/internal/sts/etcd"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// A keyStore is where a ring is kept, and what signs with its keys.
type keyStore struct {
	keyring.Store
	keyring.Vault
}

// stores are the ways to keep keys, by signingKey.storage in lower case. One
// more is a row.
var stores = map[string]func(config.SigningKey) (keyStore, error){
	"file": func(c config.SigningKey) (keyStore, error) {
		return keyStore{keyring.File{Path: c.File.StoragePath}, keyring.Local{}}, nil
	},
	"etcd": func(c config.SigningKey) (keyStore, error) {
		store, err := etcd.New(etcd.Options{
			Endpoints: c.Etcd.Endpoints, Key: c.Etcd.Key, User: c.Etcd.Username, Password: c.Etcd.Password.Text,
			CAFile: c.Etcd.CAFile, CertFile: c.Etcd.CertFile, KeyFile: c.Etcd.KeyFile,
		})
		return keyStore{store, keyring.Local{}}, err
	},
	"memory": func(config.SigningKey) (keyStore, error) {
		return keyStore{&keyring.Memory{}, keyring.Local{}}, nil
	},
}

// openKeys is the ring of a configuration, not opened yet.
func (f *front) openKeys(c *config.Config) (*keyring.Keeper, error) {
	open, ok := stores[c.SigningKey.Storage]
	if !ok {
		return nil, diag.Input("this build cannot keep keys there", "choose signingKey.storage: file, etcd or memory",
			diag.Fact{Name: "signingKey.storage", Value: c.SigningKey.Storage})
	}
	store, err := open(c.SigningKey)
	if err != nil {
		return nil, err
	}
	p, err := c.Policy()
	if err != nil {
		return nil, err
	}
	if c.SigningKey.Storage == "memory" {
		f.logger(c.Logs).Warn("the signing keys are in memory: they end with the process, and so do the tokens that they signed")
	}
	timing, err := c.Timing()
	return &keyring.Keeper{Store: store.Store, Vault: store.Vault, Algorithms: p.Algorithms(), Timing: timing, Log: f.logger(c.Logs)}, err
}
