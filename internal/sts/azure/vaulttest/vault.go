// Package vaulttest is an Azure Key Vault, and the Entra ID that it believes,
// on loopback: for tests that use the real SDK. It answers as the vault's REST
// API is documented (version 2025-07-01), has the private keys alone, and fails
// the test when it is asked for anything that it does not know.
package vaulttest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Where the two are found, by those who trust CA and dial with Client.
const (
	host  = "tailjoin-test.vault.azure.net"
	login = "login.microsoftonline.com"

	URL = "https://" + host
)

// The identity that the vault knows.
const (
	TenantID     = "72f988bf-0000-4000-8000-2d7cd011db47"
	ClientID     = "fad7d5b3-0000-4000-8000-8d12124e1cf1"
	ClientSecret = "hunter2-hunter2-hunter2"
)

// A Vault is one that runs.
type Vault struct {
	CA []byte // PEM
	// Client finds both.
	Client *http.Client

	t    testing.TB
	pool *x509.CertPool
	addr string

	mu        sync.Mutex
	secrets   map[string]*secret
	keys      map[string]map[string]*key // by name and version
	tokens    map[string]time.Time       // until when they are good
	forbidden map[string]bool            // by operation
	asked     map[string]int             // by operation
	disrupt   func(operation string) Disruption
	lag       time.Duration
	gone      bool
	tunnels   []net.Conn // of the proxy
}

// A Disruption is what goes wrong with one request. The zero one is nothing.
type Disruption struct {
	Before, After time.Duration // waits, before and after it is done
	Status        int           // the answer, in the place of the right one
	RetryAfter    string
	Done          bool // it is done nevertheless
}

// Start starts a vault that ends with the test.
func Start(t testing.TB) *Vault {
	t.Helper()
	v := &Vault{
		t: t, secrets: map[string]*secret{}, keys: map[string]map[string]*key{}, tokens: map[string]time.Time{},
		forbidden: map[string]bool{}, asked: map[string]int{},
	}
	certificate := v.certify()
	s := httptest.NewUnstartedServer(v)
	s.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	v.addr = s.Listener.Addr().String()
	transport := &http.Transport{
		DialContext:         v.dial,
		TLSClientConfig:     &tls.Config{RootCAs: v.pool},
		MaxIdleConnsPerHost: 100, ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	v.Client = &http.Client{Transport: transport}
	return v
}

// dial connects with the vault and with Entra ID, and else with the machine
// itself alone.
func (v *Vault) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	v.mu.Lock()
	gone := v.gone
	v.mu.Unlock()
	name, _, _ := net.SplitHostPort(addr)
	switch {
	case name == "127.0.0.1":
		return new(net.Dialer).DialContext(ctx, network, addr)
	case name != host && name != login:
		v.t.Errorf("somebody connects with %s", addr)
	}
	if gone {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: fmt.Errorf("connect: connection refused")}
	}
	return new(net.Dialer).DialContext(ctx, network, v.addr)
}

// Leave ends all connections and lets nobody connect, until Return.
func (v *Vault) Leave() {
	v.set(func() { v.gone = true })
	v.Client.CloseIdleConnections()
	v.hangUp()
}

// Return lets everybody connect again.
func (v *Vault) Return() { v.set(func() { v.gone = false }) }

// Forbid refuses operations, such as secrets/set, until Permit.
func (v *Vault) Forbid(operations ...string) {
	v.set(func() {
		for _, o := range operations {
			v.forbidden[o] = true
		}
	})
}

// Permit permits everything again.
func (v *Vault) Permit() { v.set(func() { clear(v.forbidden) }) }

// Disrupt asks f of each operation what goes wrong with it; nil: nothing.
func (v *Vault) Disrupt(f func(operation string) Disruption) { v.set(func() { v.disrupt = f }) }

// Lag has versions be listed only so long after they were written.
func (v *Vault) Lag(d time.Duration) { v.set(func() { v.lag = d }) }

// ForgetTokens has no token be good any more.
func (v *Vault) ForgetTokens() { v.set(func() { clear(v.tokens) }) }

// Asked is how often an operation was asked for by somebody who may ask.
func (v *Vault) Asked(operation string) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.asked[operation]
}

func (v *Vault) set(f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f()
}
