package azure_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/sts/azure"
	"github.com/tailjoin/tailjoin/internal/sts/azure/vaulttest"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// load asks a vault for its secret as somebody.
func load(t *testing.T, v *vaulttest.Vault, who azure.Identity) error {
	t.Helper()
	c := to(v)
	c.Identity = who
	store, err := azure.NewSecret(c, ring)
	if err == nil {
		_, _, err = store.Load(t.Context())
	}
	return err
}

// managed is the place on the machine where its identity is to be had, as App
// Service and others have one.
func managed(t *testing.T, v *vaulttest.Vault) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if r.Header.Get("X-IDENTITY-HEADER") != "proof" || q.Get("resource") != "https://vault.azure.net" || q.Get("client_id") != vaulttest.ClientID {
			t.Errorf("the machine is asked for %s", r.URL)
		}
		fmt.Fprintf(w, `{"access_token":%q,"expires_on":"4102444800","resource":"https://vault.azure.net","token_type":"Bearer","client_id":%q}`, v.Token(), vaulttest.ClientID)
	}))
	t.Cleanup(s.Close)
	t.Setenv("IDENTITY_ENDPOINT", s.URL)
	t.Setenv("IDENTITY_HEADER", "proof")
}

func TestIdentity_isWhatWasSaidOrTheMachines(t *testing.T) {
	for name, c := range map[string]struct {
		who  azure.Identity
		have func(t *testing.T, v *vaulttest.Vault)
	}{
		"a secret": {azure.Identity{TenantID: vaulttest.TenantID, ClientID: vaulttest.ClientID, Secret: secret.New(vaulttest.ClientSecret)}, nil},
		"another's token": {azure.Identity{TenantID: vaulttest.TenantID, ClientID: vaulttest.ClientID}, func(t *testing.T, _ *vaulttest.Vault) {
			path := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(path, []byte(vaulttest.Federated), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Setenv("AZURE_FEDERATED_TOKEN_FILE", path)
		}},
		"the machine's": {azure.Identity{ClientID: vaulttest.ClientID}, managed},
		"that of the SDK's variables": {azure.Identity{}, func(t *testing.T, _ *vaulttest.Vault) {
			t.Setenv("AZURE_TENANT_ID", vaulttest.TenantID)
			t.Setenv("AZURE_CLIENT_ID", vaulttest.ClientID)
			t.Setenv("AZURE_CLIENT_SECRET", vaulttest.ClientSecret)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			v := vaulttest.Start(t)
			if c.have != nil {
				c.have(t, v)
			}
			if err := load(t, v, c.who); !errors.Is(err, keyring.ErrNone) {
				t.Error(err)
			}
		})
	}
}

func TestIdentity_thatIsUnknownIsRefusedWithoutItsSecret(t *testing.T) {
	v := vaulttest.Start(t)
	err := load(t, v, azure.Identity{TenantID: vaulttest.TenantID, ClientID: vaulttest.ClientID, Secret: secret.New("hunter3")})
	text := diag.As(err).Text()
	if codeOf(err) != "vault-refused" || errors.Is(err, keyring.ErrAway) || !strings.Contains(text, "AADSTS7000215") || strings.Contains(text, "hunter") {
		t.Error(text)
	}
	t.Setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential") // and there is nothing of it
	if err := load(t, v, azure.Identity{}); codeOf(err) != "vault-refused" || errors.Is(err, keyring.ErrAway) {
		t.Errorf("nobody at all: %v", err)
	}
	for _, who := range []azure.Identity{{Secret: secret.New("x")}, {ClientID: "x", Secret: secret.New("x")}, {TenantID: "x", Secret: secret.New("x")}} {
		if err := load(t, v, who); codeOf(err) != "input-invalid" {
			t.Errorf("a secret of nobody: %v", err)
		}
	}
}
