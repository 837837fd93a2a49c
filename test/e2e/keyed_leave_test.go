//go:build linux

package e2e

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
)

// standInAPI is a TLS server where every process of the machine takes
// api.tailscale.com to be, until the test ends.
type standInAPI struct {
	certificates string // file that makes its certificate a trusted one

	mu    sync.Mutex
	asked []string
}

// mustStandInForAPI must not run beside other tests: it changes /etc/hosts.
func mustStandInForAPI(t *testing.T) *standInAPI {
	t.Helper()
	const host = "api.tailscale.com"
	c := &company{t: t}
	c.key, c.authority = c.mustCertify(&x509.Certificate{Subject: pkix.Name{CommonName: "Test CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	key, certificate := c.mustCertify(&x509.Certificate{DNSNames: []string{host}}, c.authority)
	s := &standInAPI{certificates: filepath.Join(shortDir(t), "ca.pem")}
	if err := os.WriteFile(s.certificates, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.authority.Raw}), 0o644); err != nil {
		t.Fatal(err)
	}

	server := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}}}
	listener, err := net.Listen("tcp", "127.0.0.1:443")
	if err != nil {
		t.Fatal(err)
	}
	server.Listener.Close()
	server.Listener = listener
	server.StartTLS()
	t.Cleanup(server.Close)

	hosts, err := os.ReadFile("/etc/hosts")
	if err == nil {
		err = os.WriteFile("/etc/hosts", append(hosts, "\n127.0.0.1 "+host+"\n"...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.WriteFile("/etc/hosts", hosts, 0o644) })
	return s
}

func (s *standInAPI) serve(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path+" "+r.Form.Encode())
	s.mu.Unlock()
	http.Error(w, `{"message":"Unauthorized"}`, http.StatusForbidden)
}

func (s *standInAPI) requests() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.asked, "\n")
}

// A node that joined by an auth key has no client at any API: an ID token of the
// job would go to a server that it is not for.
func TestLeave_afterAJoinByAuthKey_sendsNoIDTokenAnywhere(t *testing.T) {
	for name, later := range map[string]map[string]string{
		"the leave knows the login server":  {},
		"the leave knows no server":         {"TAILJOIN_LOGIN_SERVER": ""},
		"the leave is given a client":       {"TAILJOIN_OAUTH_CLIENT_ID": clientID},
		"the leave is given a client alone": {"TAILJOIN_OAUTH_CLIENT_ID": clientID, "TAILJOIN_LOGIN_SERVER": ""},
	} {
		t.Run(name, func(t *testing.T) {
			api := mustStandInForAPI(t)
			w := newWorld(t, localtailnet.Options{EphemeralTimeout: time.Second})
			_, key := w.MintKey(localtailnet.KeyOptions{Tags: []string{"tag:ci"}, Ephemeral: true, Preauthorized: true})
			w.identify(map[string]string{"AUTHKEY": key})
			w.vars["SSL_CERT_FILE"] = api.certificates
			w.mustJoin("--network=userspace")
			w.killDaemon()

			for name, value := range later {
				w.vars[name] = value
			}
			got := w.run("leave")
			if got.status != 0 {
				t.Errorf("leave ended with %d", got.status)
			}
			wantWords(t, got, "::warning", "the node stays until the control server notices")
			for _, op := range []string{localtailnet.OpIDToken, localtailnet.OpExchange, localtailnet.OpOAuth, localtailnet.OpDevices} {
				if asked := w.events(op); len(asked) > 0 {
					t.Errorf("asked for: %v", asked)
				}
			}
			if asked := api.requests(); asked != "" {
				t.Errorf("Tailscale's API was asked:\n%s", asked)
			}
			w.mustWait(func() bool { return len(w.jobNodes()) == 0 }) // it is ephemeral
			w.wantNothingLeftButKeys()
		})
	}
}

// wantNothingLeftButKeys is wantNothingLeft for a job that was given its key.
func (w *world) wantNothingLeftButKeys() {
	w.t.Helper()
	for _, key := range w.Keys() {
		w.RevokeKey(key.ID)
	}
	w.wantNothingLeft()
}
