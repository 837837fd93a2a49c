package sts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tailjoin/tailjoin/internal/secret"
	"github.com/tailjoin/tailjoin/internal/sts"
	"github.com/tailjoin/tailjoin/internal/sts/etcd"
)

// The password is in a file, and shown by nothing.
func TestKeys_areHadFromEtcdAsItsUser(t *testing.T) {
	server := startEtcd(t)
	if err := server.WantUser(t.Context(), "sts", "hunter2", "tailjoin-sts/keys"); err != nil {
		t.Fatal(err)
	}
	store, err := etcd.New(etcd.Options{Endpoints: []string{server.URL}, Key: "tailjoin-sts/keys", User: "sts", Password: secret.New("hunter2")})
	if err != nil {
		t.Fatal(err)
	}
	keys := (&victim{T: t, store: store}).keeper()
	if err := keys.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	password := filepath.Join(t.TempDir(), "password")
	environ := []string{
		"TAILJOIN_STS_TOKENS_ALLOWED_AUDIENCES=x", "TAILJOIN_STS_SIGNING_KEY_STORAGE=etcd",
		"TAILJOIN_STS_SIGNING_KEY_ETCD_ENDPOINTS=" + server.URL, "TAILJOIN_STS_SIGNING_KEY_ETCD_USERNAME=sts",
		"TAILJOIN_STS_SIGNING_KEY_ETCD_PASSWORD=file:" + password,
	}
	for _, c := range []struct {
		password string
		status   int
		args     []string
		want     string
	}{
		{"hunter2\n", sts.Done, []string{"keys", "list"}, keys.Ring().Keys[0].ID},
		{"hunter2\n", sts.Done, []string{"config"}, "password: '[redacted]'"},
		{"hunter3\n", sts.Failed, []string{"keys", "list"}, "#etcd-refused\n"},
		{"hunter3\n", sts.Failed, []string{"serve"}, "#etcd-refused\n"},
	} {
		if err := os.WriteFile(password, []byte(c.password), 0o600); err != nil {
			t.Fatal(err)
		}
		status, out, words := run(t, environ, c.args...)
		if said := out + words; status != c.status || !strings.Contains(said, c.want) || strings.Contains(said, "hunter") {
			t.Errorf("%v with the password %q: %d, want %d and %s\n%s", c.args, c.password, status, c.status, c.want, said)
		}
	}
}
