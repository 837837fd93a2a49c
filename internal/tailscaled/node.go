package tailscaled

import (
	"net/netip"
	"strings"
	"time"

	"tailscale.com/ipn/ipnstate"
)

// A Node is this machine on the tailnet.
type Node struct {
	ID       string // stable, as the API knows it: "n…CNTRL"
	Name     string // full, without the dot: "runner.tail1234.ts.net"
	Hostname string // its first label
	IPv4     string
	IPv6     string
	Tailnet  string
	Suffix   string // MagicDNS suffix: "tail1234.ts.net"
	MagicDNS bool   // the tailnet resolves names
	Tags     []string
	Version  string // of the daemon
	Health   []string

	KeyExpires time.Time // when the node must log in anew; zero: never, as with tags
}

func nodeOf(s *ipnstate.Status) Node {
	n := Node{
		ID:      string(s.Self.ID),
		Name:    strings.TrimSuffix(s.Self.DNSName, "."),
		Version: s.Version,
		Health:  s.Health,
	}
	if s.Self.KeyExpiry != nil {
		n.KeyExpires = *s.Self.KeyExpiry
	}
	n.Hostname, _, _ = strings.Cut(n.Name, ".")
	n.IPv4, n.IPv6 = addresses(s.TailscaleIPs)
	if s.Self.Tags != nil {
		n.Tags = s.Self.Tags.AsSlice()
	}
	if s.CurrentTailnet != nil {
		n.Tailnet, n.Suffix, n.MagicDNS = s.CurrentTailnet.Name, s.CurrentTailnet.MagicDNSSuffix, s.CurrentTailnet.MagicDNSEnabled
	}
	return n
}

func addresses(ips []netip.Addr) (v4, v6 string) {
	for _, ip := range ips {
		if ip.Is4() {
			v4 = ip.String()
		} else {
			v6 = ip.String()
		}
	}
	return v4, v6
}
