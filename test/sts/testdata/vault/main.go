// Command vault is what Vault does with auth/jwt: its own plugin, without the server around it. It reads a configuration, a role
// and tokens as JSON, and says of each token whether the role lets its bearer in.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/go-hclog"
	jwtauth "github.com/hashicorp/vault-plugin-auth-jwt"
	"github.com/hashicorp/vault/sdk/logical"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "vault:", err)
		os.Exit(1)
	}
}

type input struct {
	Config, Role map[string]any
	Tokens       []string
}

// A verdict is about one token.
type verdict struct {
	Refused  string        `json:"refused,omitempty"` // why
	Alias    string        `json:"alias,omitempty"`   // who it is to Vault
	Policies []string      `json:"policies,omitempty"`
	TTL      time.Duration `json:"ttl,omitempty"`
}

func run(ctx context.Context) error {
	var in input
	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		return err
	}
	storage := &logical.InmemStorage{}
	plugin, err := jwtauth.Factory(ctx, &logical.BackendConfig{
		Logger: hclog.NewNullLogger(), StorageView: storage,
		System: &logical.StaticSystemView{DefaultLeaseTTLVal: time.Hour, MaxLeaseTTLVal: time.Hour},
	})
	if err != nil {
		return err
	}
	ask := func(op logical.Operation, path string, data map[string]any) (*logical.Response, error) {
		res, err := plugin.HandleRequest(ctx, &logical.Request{
			Operation: op, Path: path, Data: data, Storage: storage, Connection: &logical.Connection{RemoteAddr: "127.0.0.1"},
		})
		if err == nil && res.IsError() {
			err = res.Error()
		}
		return res, err
	}
	_, err1 := ask(logical.UpdateOperation, "config", in.Config)
	_, err2 := ask(logical.CreateOperation, "role/it", in.Role)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	verdicts := []verdict{}
	for _, token := range in.Tokens {
		res, err := ask(logical.UpdateOperation, "login", map[string]any{"role": "it", "jwt": token})
		if err != nil {
			verdicts = append(verdicts, verdict{Refused: err.Error()})
			continue
		}
		verdicts = append(verdicts, verdict{Alias: res.Auth.Alias.Name, Policies: res.Auth.Policies, TTL: res.Auth.TTL})
	}
	return json.NewEncoder(os.Stdout).Encode(verdicts)
}
