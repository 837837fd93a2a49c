//go:build linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A company is a proxy that is the only way out of its network. It opens https
// by certificates of its own authority, and takes nothing but CONNECT.
type company struct {
	t         *testing.T
	authority *x509.Certificate
	key       *ecdsa.PrivateKey
	inside    *httputil.ReverseProxy // to the tailnet, whatever host was asked for
	mu        sync.Mutex
	asked     map[string]int // by host and port
}

// mustCompany has a job live behind such a proxy, with the usual variables, and
// find Tailscale's own hosts there.
func (m *ciMachine) mustCompany() *company {
	m.t.Helper()
	control, err := url.Parse(m.ControlURL)
	if err != nil {
		m.t.Fatal(err)
	}
	c := &company{t: m.t, asked: map[string]int{}}
	c.inside = &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(control) }}
	c.key, c.authority = c.mustCertify(&x509.Certificate{Subject: pkix.Name{CommonName: "Company CA"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil)
	file := filepath.Join(m.root, "etc/company.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.authority.Raw}), 0o644); err != nil {
		m.t.Fatal(err)
	}
	proxy := httptest.NewServer(http.HandlerFunc(c.connect))
	m.t.Cleanup(proxy.Close)
	delete(m.vars, "TAILJOIN_LOGIN_SERVER")
	for name, value := range map[string]string{"HTTP_PROXY": proxy.URL, "HTTPS_PROXY": proxy.URL, "NO_PROXY": ".corp.example", "SSL_CERT_FILE": "/etc/company.pem"} {
		m.vars[name] = value
	}
	return c
}

// mustCertify makes a key and a certificate, signed by the authority if there is
// one.
func (c *company) mustCertify(template, by *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		c.t.Fatal(err)
	}
	signer := c.key
	if by == nil {
		by, signer = template, key
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, by, &key.PublicKey, signer)
	if err != nil {
		c.t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		c.t.Fatal(err)
	}
	return key, certificate
}

func (c *company) connect(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.asked[r.Method+" "+r.Host]++
	c.mu.Unlock()
	host, port, _ := net.SplitHostPort(r.Host)
	if r.Method != http.MethodConnect || port != "443" {
		http.Error(w, "CONNECT to port 443 only", http.StatusForbidden)
		return
	}
	key, certificate := c.mustCertify(&x509.Certificate{DNSNames: []string{host}}, c.authority)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		c.t.Error(err)
		return
	}
	fmt.Fprint(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
	opened := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{certificate.Raw}, PrivateKey: key}}})
	server := http.Server{Handler: c.inside}
	go server.Serve(&oneConn{conn: opened})
}

// A oneConn listens for a connection that is there already.
type oneConn struct {
	conn net.Conn
	done bool
}

func (l *oneConn) Accept() (net.Conn, error) {
	if l.done {
		return nil, net.ErrClosed
	}
	l.done = true
	return l.conn, nil
}
func (l *oneConn) Close() error   { return nil }
func (l *oneConn) Addr() net.Addr { return l.conn.LocalAddr() }

// wantAsked fails unless the job reached Tailscale by the proxy.
func (c *company) wantAsked(hosts ...string) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, host := range hosts {
		if c.asked["CONNECT "+host+":443"] == 0 {
			c.t.Errorf("%s was not asked for by the proxy: %v", host, c.asked)
		}
	}
}

// wantProxyKept fails if the job was given, or left with, another proxy than the
// company's.
func (m *ciMachine) wantProxyKept() {
	m.t.Helper()
	env, err := os.ReadFile(filepath.Join(m.dir, "env"))
	if err != nil {
		m.t.Fatal(err)
	}
	for line := range strings.Lines(string(env)) {
		name, _, isEntry := strings.Cut(line, "<<")
		if isEntry && slices.Contains([]string{"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"}, strings.ToUpper(name)) {
			m.t.Errorf("the job's %s was changed:\n%s", name, env)
		}
	}
}
