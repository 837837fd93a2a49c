package cli

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

// A token of unknown origin names a server on this machine, which has other
// things to do than to show keys.
func TestInspect_asksAServerOnThisMachineOnlyIfItIsTheExpectedIssuer(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.Error(w, "", http.StatusNotFound)
	}))
	t.Cleanup(server.Close)
	byName := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	for name, c := range map[string]struct {
		issuer string
		expect []string
		asks   bool
	}{
		"nothing is expected":        {server.URL, nil, false},
		"a subject is expected":      {server.URL, []string{"subject=s"}, false},
		"another issuer is expected": {server.URL, []string{"issuer=https://issuer.example"}, false},
		"the other name is expected": {byName, []string{"issuer=" + server.URL}, false},
		"any issuer is expected":     {server.URL, []string{"issuer=*"}, false},
		"localhost":                  {byName, nil, false},
		"it is expected":             {server.URL, []string{"issuer=" + server.URL}, true},
	} {
		t.Run(name, func(t *testing.T) {
			asked.Store(0)
			file := filepath.Join(t.TempDir(), "token")
			if err := os.WriteFile(file, []byte(tokenFrom(t, c.issuer)), 0o600); err != nil {
				t.Fatal(err)
			}
			status, said := ran(t, "", nil, append([]string{"token", "inspect", "--verify", "--file=" + file}, c.expect...)...)
			if got := asked.Load() > 0; got != c.asks || status == 0 {
				t.Errorf("asked: %t, want %t; status %d:\n%s", got, c.asks, status, said)
			}
		})
	}
}

func tokenFrom(t *testing.T, issuer string) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"iss": issuer, "sub": "s"}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}
