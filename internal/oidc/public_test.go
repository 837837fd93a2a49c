package oidc

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"sync/atomic"
	"testing"
)

func TestIsPublic_leavesOutThisMachineAndItsNetwork(t *testing.T) {
	for address, want := range map[string]bool{
		"8.8.8.8:443": true, "[2606:4700::1]:443": true, "127.0.0.1:443": false, "[::1]:443": false, "10.0.0.1:443": false, "172.16.0.1:443": false,
		"192.168.1.1:443": false, "169.254.169.254:80": false, "[fd00:ec2::254]:80": false, "[fe80::1]:80": false, "[::ffff:10.0.0.1]:80": false, "0.0.0.0:80": false,
	} {
		if got := isPublic(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(address))); got != want {
			t.Errorf("%s: %t", address, got)
		}
	}
	if isPublic(nil) {
		t.Error("no address is public")
	}
}

// A document from the internet names an address of this machine.
func TestPublicOnly_asksNothingOnThisMachine(t *testing.T) {
	var asked atomic.Bool
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	defer server.Close()
	to, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, client := range []*http.Client{{}, {Transport: &http.Transport{}}} {
		var set any
		if _, err := getJSON(t.Context(), publicOnly(client, to), to, &set); !errors.Is(err, errPrivate) || asked.Load() {
			t.Errorf("error %v, asked %t", err, asked.Load())
		}
	}
}
