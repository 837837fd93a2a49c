package oidc

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

var errPrivate = errors.New("an issuer on the internet must not have its keys fetched from a private address")

// isPublic reports whether a server is on the internet, and not on this machine
// or in its network.
func isPublic(server net.Addr) bool {
	if server == nil {
		return false
	}
	at, err := netip.ParseAddrPort(server.String())
	return err == nil && at.Addr().IsGlobalUnicast() && !at.Addr().IsPrivate()
}

// publicOnly is the client without the addresses of this machine and its network.
// What a proxy reaches is for the proxy to decide.
func publicOnly(client *http.Client, to *url.URL) *http.Client {
	base := client.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	transport, ok := base.(*http.Transport)
	if !ok {
		return client
	}
	if transport.Proxy != nil {
		if proxy, err := transport.Proxy(&http.Request{URL: to}); err != nil || proxy != nil {
			return client
		}
	}
	guarded := *client
	transport = transport.Clone()
	transport.DialContext = (&net.Dialer{Timeout: issuerLimit, KeepAlive: 30 * time.Second, Control: refusePrivate}).DialContext
	guarded.Transport = transport
	return &guarded
}

// refusePrivate sees the address that a name was resolved to.
func refusePrivate(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !isPublic(net.TCPAddrFromAddrPort(at)) {
		return errPrivate
	}
	return nil
}
