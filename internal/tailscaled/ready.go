package tailscaled

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"tailscale.com/ipn"
	"tailscale.com/ipn/ipnstate"
	"tailscale.com/tailcfg"
)

// pause is the wait before another try of something that nothing announces:
// a packet that got no answer, a connection that was refused.
const pause = 100 * time.Millisecond

// Ping returns when the peer has answered a packet: directly, or through a
// relay. peer is an IP address or a name, short or full.
func (d *Daemon) Ping(ctx context.Context, peer string) (*ipnstate.PingResult, error) {
	for {
		result, err := d.pingOnce(ctx, peer)
		if err == nil {
			return result, nil
		}
		if !rest(ctx) {
			return nil, err
		}
	}
}

func (d *Daemon) pingOnce(ctx context.Context, peer string) (*ipnstate.PingResult, error) {
	ip, err := d.resolve(ctx, peer)
	if err != nil {
		return nil, err
	}
	try, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	result, err := d.Local.Ping(try, ip, tailcfg.PingDisco)
	if err != nil {
		return nil, err
	}
	if result.Err != "" {
		return nil, errors.New(result.Err)
	}
	return result, nil
}

// rest waits a moment; false means the deadline is over.
func rest(ctx context.Context) bool {
	select {
	case <-time.After(pause):
		return true
	case <-ctx.Done():
		return false
	}
}

var errNoPeer = errors.New("the tailnet shows this node no such peer: check its name and the tailnet policy")

func (d *Daemon) resolve(ctx context.Context, peer string) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(peer); err == nil {
		return ip, nil
	}
	p, err := d.peer(ctx, peer)
	if err != nil {
		return netip.Addr{}, err
	}
	if len(p.TailscaleIPs) == 0 {
		return netip.Addr{}, errNoPeer
	}
	return p.TailscaleIPs[0], nil
}

// peer finds a peer by name, short or full.
func (d *Daemon) peer(ctx context.Context, name string) (*ipnstate.PeerStatus, error) {
	status, err := d.Local.Status(ctx)
	if err != nil {
		return nil, err
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for _, p := range status.Peer {
		full := strings.ToLower(strings.TrimSuffix(p.DNSName, "."))
		short, _, _ := strings.Cut(full, ".")
		if name == full || name == short {
			return p, nil
		}
	}
	return nil, errNoPeer
}

// UseExitNode sends this machine's traffic through a peer, by address, by
// name, or "auto:any". The name is known as soon as the peer is.
func (d *Daemon) UseExitNode(ctx context.Context, node string) error {
	for {
		prefs, err := d.exitNode(ctx, node)
		if err == nil {
			_, err = d.Local.EditPrefs(ctx, prefs)
			return err
		}
		if !rest(ctx) {
			return fmt.Errorf("looking for exit node %s: %w", node, err)
		}
	}
}

func (d *Daemon) exitNode(ctx context.Context, node string) (*ipn.MaskedPrefs, error) {
	if expression, ok := ipn.ParseAutoExitNodeString(node); ok {
		return &ipn.MaskedPrefs{Prefs: ipn.Prefs{AutoExitNode: expression}, AutoExitNodeSet: true}, nil
	}
	if ip, err := netip.ParseAddr(node); err == nil {
		return &ipn.MaskedPrefs{Prefs: ipn.Prefs{ExitNodeIP: ip}, ExitNodeIPSet: true}, nil
	}
	p, err := d.peer(ctx, node)
	if err != nil {
		return nil, err
	}
	if !p.ExitNodeOption {
		return nil, errors.New("that peer offers no exit node, or the tailnet has not approved it")
	}
	return &ipn.MaskedPrefs{Prefs: ipn.Prefs{ExitNodeID: p.ID}, ExitNodeIDSet: true}, nil
}

// Reach returns when a TCP connection to host:port was made: through the
// operating system if the daemon has a network interface, as a later step
// will do it, else through the daemon.
func (d *Daemon) Reach(ctx context.Context, target string, throughOS bool) error {
	for {
		err := d.reachOnce(ctx, target, throughOS)
		if err == nil || !rest(ctx) {
			return err
		}
	}
}

func (d *Daemon) reachOnce(ctx context.Context, target string, throughOS bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := d.connect(ctx, target, throughOS)
	if err != nil {
		return err
	}
	return conn.Close()
}

func (d *Daemon) connect(ctx context.Context, target string, throughOS bool) (net.Conn, error) {
	if throughOS {
		var dialer net.Dialer
		return dialer.DialContext(ctx, "tcp", target)
	}
	host, service, err := net.SplitHostPort(target)
	if err != nil {
		return nil, err
	}
	port, err := strconv.ParseUint(service, 10, 16)
	if err != nil {
		return nil, err
	}
	return d.Local.DialTCP(ctx, host, uint16(port))
}
