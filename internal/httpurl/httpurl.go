// Package httpurl has the one rule for the addresses of servers that are sent
// secrets or that send programs.
package httpurl

import (
	"errors"
	"net/netip"
	"net/url"
)

var (
	errScheme = errors.New("must be an https:// address")
	errPlain  = errors.New("plain http:// can be read and changed by the network; only a loopback address may be http://")
)

// Parse parses an https:// address. It also accepts http:// if the host is a
// loopback address, which nothing outside of this machine can read.
func Parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	if u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, &url.Error{Op: "parse", URL: u.Redacted(), Err: errScheme}
	}
	if u.Scheme == "http" && !IsLoopback(u.Hostname()) {
		return nil, &url.Error{Op: "parse", URL: u.Redacted(), Err: errPlain}
	}
	return u, nil
}

// IsLoopback reports whether a host name or IP address is this machine's own.
// No name but localhost is resolved: a DNS server could answer anything.
func IsLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
