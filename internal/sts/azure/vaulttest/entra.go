package vaulttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"strings"
	"time"
)

// certify makes a certificate for both names, and one who trusts it.
func (v *Vault) certify() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		v.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host, login},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		v.t.Fatal(err)
	}
	v.CA = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	v.pool = x509.NewCertPool()
	v.pool.AppendCertsFromPEM(v.CA)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// entra is Entra ID: the two documents and the token endpoint that its library
// asks for.
func (v *Vault) entra(w http.ResponseWriter, r *http.Request) {
	const tenant = "https://" + login + "/" + TenantID
	switch r.Method + " " + r.URL.Path {
	case "GET /" + TenantID + "/v2.0/.well-known/openid-configuration":
		writeJSON(w, 200, map[string]any{
			"issuer": tenant + "/v2.0", "authorization_endpoint": tenant + "/oauth2/v2.0/authorize", "token_endpoint": tenant + "/oauth2/v2.0/token",
		})
	case "POST /" + TenantID + "/oauth2/v2.0/token":
		v.login(w, r)
	default:
		v.t.Errorf("Entra ID is asked for %s %s", r.Method, r.URL)
		http.NotFound(w, r)
	}
}

func (v *Vault) login(w http.ResponseWriter, r *http.Request) {
	d := v.ask("login")
	pause(r.Context(), d.Before)
	if d.Status != 0 {
		d.answer(w)
		return
	}
	if err := r.ParseForm(); err != nil {
		v.t.Error(err)
	}
	f := r.PostForm
	proved := f.Get("client_secret") == ClientSecret ||
		f.Get("client_assertion_type") == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" && f.Get("client_assertion") == Federated
	if f.Get("grant_type") != "client_credentials" || f.Get("client_id") != ClientID || !proved {
		writeJSON(w, 401, map[string]any{
			"error":             "invalid_client",
			"error_description": "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '" + ClientID + "'.\r\nTrace ID: 0\r\nCorrelation ID: 1",
		})
		return
	}
	if scope := " " + f.Get("scope") + " "; !strings.Contains(scope, " https://vault.azure.net/.default ") {
		v.t.Errorf("a token for %q is asked for", scope)
	}
	writeJSON(w, 200, map[string]any{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": v.Token()})
}

// Federated is the token of another issuer that Entra ID takes for the client.
const Federated = "eyJhbGciOiJub25lIn0.e30."

// Token is a new one that the vault believes.
func (v *Vault) Token() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	token := "eyJ." + rand.Text() + ".x"
	v.tokens[token] = time.Now().Add(time.Hour)
	return token
}

func (v *Vault) authorized(r *http.Request) bool {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	v.mu.Lock()
	defer v.mu.Unlock()
	return ok && time.Now().Before(v.tokens[token])
}
