package tailscaled

import (
	"context"
	"net"
	"net/netip"

	"tailscale.com/net/tsaddr"
)

// DefaultSocket is where `tailscale` looks for a daemon.
const DefaultSocket = "/var/run/tailscaled.socket"

// tunName has the kernel choose the number of the interface.
const tunName = "utun"

// lockName is a file that the daemon of a join has locked while it has an
// interface. Only root can open it.
const lockName = "/var/run/tailjoin-tun.lock"

// lookForNeighbour sees a tailscaled by its socket, and Tailscale.app, which has
// no socket, by the addresses of its interface.
func lookForNeighbour(ctx context.Context) neighbour {
	if conn, err := dialSocket(ctx, DefaultSocket); err == nil {
		conn.Close()
		return neighbour{reason: "a tailscaled runs on this machine (" + DefaultSocket + " answers)"}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return neighbour{}
	}
	for _, i := range interfaces {
		if ip := tailscaleIP(i); ip.IsValid() {
			return neighbour{reason: "Tailscale, or a VPN with addresses like its, runs on this machine (" + i.Name + " has " + ip.String() + ")", passing: true}
		}
	}
	return neighbour{}
}

// tailscaleIP is an address in Tailscale's ranges that a tunnel has. A carrier's
// NAT uses the same IPv4 range, on other interfaces. So do some VPNs, beside which
// a second set of routes to that range would not work either.
func tailscaleIP(i net.Interface) netip.Addr {
	if i.Flags&net.FlagPointToPoint == 0 {
		return netip.Addr{}
	}
	addrs, _ := i.Addrs()
	for _, addr := range addrs {
		if prefix, err := netip.ParsePrefix(addr.String()); err == nil && tsaddr.IsTailscaleIP(prefix.Addr()) {
			return prefix.Addr()
		}
	}
	return netip.Addr{}
}

func noDevice() string { return "" }
func noTUN() string    { return "" }
