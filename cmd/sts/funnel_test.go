//go:build unix

package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tailjoin/tailjoin/internal/localtailnet"
	"tailscale.com/tailcfg"
	"tailscale.com/tsnet"
)

// certificate writes one for a name, and returns those who trust it and what
// the configuration says of it.
func certificate(t *testing.T, name string) (*x509.CertPool, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	files := map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}}
	for file, block := range files {
		if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return pool, fmt.Sprintf("server: {tls: files, certFile: %s, keyFile: %s}\n", filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
}

// ingress are the grants, and the right to bring what comes from the internet.
func ingress(src, dst localtailnet.Node) tailcfg.PeerCapMap {
	if strings.HasPrefix(src.Name, "ingress.") {
		return tailcfg.PeerCapMap{tailcfg.PeerCapabilityIngress: nil, "italypaleale.me/tsiam": {`{"allowedAudiences":["https://api.example.com"]}`}}
	}
	return grants(src, dst)
}

// What is asked by Funnel comes from a relay of Tailscale's, which here is a
// node with the same right that speaks the same protocol. It even holds a
// grant: nothing of that counts for what it relays.
func TestServe_givesNobodyATokenByFunnel(t *testing.T) {
	t.Parallel()
	tn := tailnet(t, localtailnet.Options{Grants: ingress, Funnel: true})
	web := join(t, tn, "web", "tag:web")
	relay := relayAt(t, tn)
	pool, server := certificate(t, "tsiam.tail10ca1.ts.net")
	s := serve(t, tn, t.TempDir(), server+`
tsnet: {funnel: true}
tokens: {allowedAudiences: [https://api.example.com], allowEmptyNodeCapability: true}
`, mintKey(tn, "tag:tsiam"))
	if s.url != "https://tsiam.tail10ca1.ts.net" {
		t.Errorf("the issuer is %s", s.url)
	}
	public := &http.Client{Transport: &http.Transport{
		DialContext:     relay.dial(t, tn, s.name),
		TLSClientConfig: &tls.Config{RootCAs: pool},
	}}
	for request, want := range map[string]int{
		"GET /.well-known/openid-configuration": 200, "GET /.well-known/jwks.json": 200, "GET /": 200,
		"POST /token?resource=https://api.example.com": 405, "GET /token?resource=https://api.example.com": 404,
		"GET /healthz": 404, "GET /readyz": 404, "GET /metrics": 404, "GET /debug/pprof/": 404,
	} {
		method, path, _ := strings.Cut(request, " ")
		req, err := http.NewRequestWithContext(deadline(t), method, s.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Tsiam", "1")
		res, err := public.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if res.StatusCode != want {
			t.Errorf("by Funnel: %s: %s %s, want %d", request, res.Status, body, want)
		}
	}
	if audit := s.audit.String(); audit != "" {
		t.Errorf("something was decided: %s", audit)
	}
	web.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
	if a := web.ask(t, s.url, "https://api.example.com"); a.token == "" {
		t.Errorf("on the tailnet: %d %s", a.status, a.code)
	}
}

// A relay stands between the internet and the nodes that publish by Funnel.
type relay struct{ *tsnet.Server }

func relayAt(t *testing.T, tn *localtailnet.Tailnet) relay {
	t.Helper()
	_, key := tn.MintKey(localtailnet.KeyOptions{Tags: []string{"tag:ingress"}, Preauthorized: true})
	s := &tsnet.Server{Dir: t.TempDir(), Hostname: "ingress", ControlURL: tn.ControlURL, AuthKey: key, UserLogf: func(string, ...any) {}}
	t.Cleanup(func() { s.Close() })
	if _, err := s.Up(deadline(t)); err != nil {
		t.Fatal(err)
	}
	return relay{s}
}

// dial connects as Funnel's relay does: a request to the node's own API turns
// into the connection of somebody on the internet.
// Source: ipn/ipnlocal/serve.go, handleServeIngress, at tailscale.com v1.102.5.
func (r relay) dial(t *testing.T, tn *localtailnet.Tailnet, name string) func(ctx context.Context, network, address string) (net.Conn, error) {
	t.Helper()
	api := r.peerAPI(t, name)
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := r.Dial(ctx, "tcp", api)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(conn, "POST /v0/ingress HTTP/1.1\r\nHost: %s\r\nTailscale-Ingress-Src: 203.0.113.9:4711\r\nTailscale-Ingress-Target: %s:443\r\n\r\n", api, name)
		reader := bufio.NewReader(conn)
		res, err := http.ReadResponse(reader, nil)
		if err != nil || res.StatusCode != http.StatusSwitchingProtocols {
			conn.Close()
			return nil, fmt.Errorf("relaying: %v, %v", res, err)
		}
		return relayed{conn, reader}, nil
	}
}

// peerAPI is where the node's own API listens.
func (r relay) peerAPI(t *testing.T, name string) string {
	t.Helper()
	lc, err := r.LocalClient()
	if err != nil {
		t.Fatal(err)
	}
	status, err := lc.Status(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, peer := range status.Peer {
		if strings.TrimSuffix(peer.DNSName, ".") == name && len(peer.PeerAPIURL) > 0 {
			u, err := url.Parse(peer.PeerAPIURL[0])
			if err != nil {
				t.Fatal(err)
			}
			return u.Host
		}
	}
	t.Fatalf("%s shows no API to its peers", name)
	return ""
}

// relayed is a connection of which the beginning may have been read already.
type relayed struct {
	net.Conn
	io.Reader
}

func (c relayed) Read(p []byte) (int, error) { return c.Reader.Read(p) }
