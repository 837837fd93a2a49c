//go:build unix

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"github.com/tailjoin/tailjoin/internal/sts/azure/vaulttest"
)

// A vaulted replica is the program in a process of its own, which knows a key
// vault by its name and by nothing else: it finds it by a proxy.
type vaulted struct {
	t           *testing.T
	environ     []string
	config, url string
	ops         string
	log         *buffer
}

func newVaulted(t *testing.T, tn *localtailnet.Tailnet, v *vaulttest.Vault, name string) *vaulted {
	t.Helper()
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(ca, v.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	r := &vaulted{
		t: t, config: filepath.Join(dir, "config.yaml"), url: "http://" + name + ".tail10ca1.ts.net", ops: "127.0.0.1:" + freePort(t), log: newBuffer(),
		environ: append(os.Environ(), asProgram+"=1", "TS_CONTROL_URL="+tn.ControlURL, mintKey(tn, "tag:sts"),
			"HTTPS_PROXY="+v.Proxy(), "SSL_CERT_FILE="+ca,
			"TAILJOIN_STS_SIGNING_KEY_AZURE_KEY_VAULT_KEYS_CLIENT_SECRET="+vaulttest.ClientSecret),
	}
	config := fmt.Sprintf(`
server: {tls: off, issuer: 'http://sts.example.com', opsListen: '%s', rate: 0}
tsnet: {hostname: %s, stateDir: %s}
tokens: {allowedAudiences: [https://api.example.com]}
signingKey:
  storage: AzureKeyVaultKeys
  azureKeyVaultKeys: {vaultUrl: '%s', keyName: sts, secretName: sts-ring, tenantId: %s, clientId: %s}
audit: {path: %s}
`, r.ops, name, filepath.Join(dir, "node"), vaulttest.URL, vaulttest.TenantID, vaulttest.ClientID, filepath.Join(dir, "audit.jsonl"))
	if err := os.WriteFile(r.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *vaulted) command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(r.t.Context(), os.Args[0], append(args, "--config", r.config)...)
	cmd.Env = r.environ
	return cmd
}

func (r *vaulted) start() {
	r.t.Helper()
	cmd := r.command("serve")
	cmd.Stdout, cmd.Stderr = r.log, r.log
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait() // it was killed
		if r.t.Failed() {
			r.t.Logf("the log of %s:\n%s", r.url, r.log)
		}
	})
}

// at is what an operator sees.
func (r *vaulted) at(path string) (int, string) {
	res, err := (&http.Client{Timeout: 20 * time.Second}).Get("http://" + r.ops + path)
	if err != nil {
		return 0, err.Error()
	}
	defer res.Body.Close()
	var b strings.Builder
	if err := res.Write(&b); err != nil {
		r.t.Error(err)
	}
	return res.StatusCode, b.String()
}

// until waits for something that nobody says.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatalf("it never came that %s", what)
}

func TestServe_signsInAKeyVault(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	tn := tailnet(t, localtailnet.Options{Grants: grantAll})
	web := join(t, tn, "web", "tag:web")
	replicas := []*vaulted{newVaulted(t, tn, v, "sts-1"), newVaulted(t, tn, v, "sts-2")}
	for _, r := range replicas { // at once: they have to agree on one ring
		r.start()
	}
	for _, r := range replicas {
		until(t, r.url+" is ready", func() bool { status, _ := r.at("/readyz"); return status == http.StatusOK })
	}
	published := func(r *vaulted) string {
		status, body := web.get(t, r.url+keysPath)
		if status != http.StatusOK {
			t.Fatalf("the keys: %d %s", status, body)
		}
		return body
	}
	wantTokens := func() {
		t.Helper()
		for _, signs := range replicas {
			a := web.ask(t, signs.url, audience)
			if a.status != http.StatusOK {
				t.Fatalf("%s: %+v", signs.url, a)
			}
			for _, publishes := range replicas {
				wantSigned(t, a.token, published(publishes))
			}
		}
	}
	wantTokens()
	for _, document := range v.Secrets("sts-ring") {
		if strings.Contains(document, "pkcs8") {
			t.Error("the secret has a private key")
		}
	}

	before := published(replicas[0])
	if out, err := replicas[0].command("keys", "rotate", "--force").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, r := range replicas {
		until(t, r.url+" has heard of it", func() bool { return published(r) != before })
	}
	wantTokens()

	last := published(replicas[0])
	v.Leave()
	for _, r := range replicas {
		if a := web.ask(t, r.url, audience); a.status != http.StatusServiceUnavailable || a.code != "unavailable" {
			t.Errorf("while the vault is away: %+v", a)
		}
		if status, body := r.at("/readyz"); status != http.StatusServiceUnavailable {
			t.Errorf("while the vault is away it is ready: %s", body)
		}
		if got := published(r); got != last {
			t.Errorf("while the vault is away it publishes\n%s\nwant\n%s", got, last)
		}
		if _, body := r.at("/metrics"); !strings.Contains(body, `tailjoin_sts_requests_total{outcome="unavailable"} 1`) || strings.Contains(body, "tailjoin_sts_sign_failures_total 0") {
			t.Errorf("the metrics know nothing of it: %s", body)
		}
	}
	v.Return()
	for _, r := range replicas {
		until(t, r.url+" is ready again", func() bool { status, _ := r.at("/readyz"); return status == http.StatusOK })
	}
	wantTokens()
	for _, r := range replicas {
		if strings.Contains(r.log.String(), vaulttest.ClientSecret) {
			t.Error("the log has a secret")
		}
	}
}

// wantSigned holds a token against published keys.
func wantSigned(t *testing.T, token, published string) {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal([]byte(published), &set); err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err == nil {
		_, err = parsed.Verify(set)
	}
	if err != nil {
		t.Errorf("%v\n%s", err, published)
	}
}

// A vault that does not let the service in stops its start; one that is away
// does not.
func TestServe_startsWithoutAKeyVaultThatIsAway(t *testing.T) {
	t.Parallel()
	v := vaulttest.Start(t)
	tn := tailnet(t, localtailnet.Options{Grants: grantAll})
	web := join(t, tn, "web", "tag:web")
	r := newVaulted(t, tn, v, "sts-1")
	v.Forbid("keys/create")
	out, err := r.command("serve").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "#vault-refused") || !strings.Contains(string(out), "Key Vault Crypto Officer") {
		t.Errorf("%v: %s", err, out)
	}
	v.Permit()
	v.Leave()
	r.start()
	until(t, "it serves", func() bool { return strings.Contains(r.log.String(), `"msg":"serving"`) })
	if a := web.ask(t, r.url, audience); a.status != http.StatusServiceUnavailable {
		t.Errorf("it gave out %+v", a)
	}
	if status, body := web.get(t, r.url+keysPath); status != http.StatusServiceUnavailable {
		t.Errorf("it published %d %s", status, body)
	}
	v.Return()
	until(t, "it is ready", func() bool { status, _ := r.at("/readyz"); return status == http.StatusOK })
	if a := web.ask(t, r.url, audience); a.status != http.StatusOK {
		t.Errorf("then it gave out %+v", a)
	}
}
