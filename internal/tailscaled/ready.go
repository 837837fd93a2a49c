package tailscaled

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"tailscale.com/ipn/ipnstate"
	"tailscale.com/tailcfg"
)

// pause is the wait before another try of something that nothing announces:
// a packet that got no answer, a connection that was refused.
const pause = 100 * time.Millisecond

// until tries until it has success, a try returns a Problem, or ctx ends. The
// error comes from the last try that ctx did not cut short: it says more.
func until[T any](ctx context.Context, try func(context.Context) (T, error)) (T, error) {
	var last error
	for {
		value, err := try(ctx)
		if err == nil {
			return value, nil
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		if _, isFinal := errors.AsType[*diag.Problem](err); isFinal || !rest(ctx) {
			return value, last
		}
	}
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

// Ping returns when the peer has answered a packet: directly, or through a
// relay. peer is an IP address or a name, short or full.
func (d *Daemon) Ping(ctx context.Context, peer string) (*ipnstate.PingResult, error) {
	p := pinger{d, shortestPing}
	return until(ctx, func(ctx context.Context) (*ipnstate.PingResult, error) { return p.ping(ctx, peer) })
}

// A pinger waits longer for the answer with each ping. The first one often meets
// a peer that has not heard of this node yet, and drops it.
type pinger struct {
	*Daemon
	patience time.Duration
}

// The second ping waits long enough for a relay on another continent.
const shortestPing, longestPing = 250 * time.Millisecond, 2 * time.Second

func (p *pinger) ping(ctx context.Context, peer string) (*ipnstate.PingResult, error) {
	ip, err := p.resolve(ctx, peer)
	if err != nil {
		return nil, err
	}
	try, cancel := context.WithTimeout(ctx, p.patience)
	defer cancel()
	p.patience = min(2*p.patience, longestPing)
	result, err := p.Local.Ping(try, ip, tailcfg.PingDisco)
	if err != nil {
		return nil, err
	}
	if result.Err != "" {
		return nil, errors.New(result.Err)
	}
	return result, nil
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

// peer finds a peer by address or by name, short or full.
func (d *Daemon) peer(ctx context.Context, name string) (*ipnstate.PeerStatus, error) {
	status, err := d.Local.Status(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range status.Peer {
		if isCalled(p, name) {
			return p, nil
		}
	}
	return nil, errNoPeer
}

func isCalled(p *ipnstate.PeerStatus, name string) bool {
	if ip, err := netip.ParseAddr(name); err == nil {
		return slices.Contains(p.TailscaleIPs, ip)
	}
	full := strings.TrimSuffix(p.DNSName, ".")
	short, _, _ := strings.Cut(full, ".")
	name = strings.TrimSuffix(name, ".")
	return strings.EqualFold(name, full) || strings.EqualFold(name, short)
}

// Reach returns when a TCP connection to host:port was made: through the
// operating system if the daemon has a network interface, as a later step
// will do it, else through the daemon.
func (d *Daemon) Reach(ctx context.Context, target string, throughOS bool) error {
	awake, p := false, pinger{d, shortestPing}
	_, err := until(ctx, func(ctx context.Context) (struct{}, error) {
		if !awake {
			if err := p.wake(ctx, target); err != nil {
				return struct{}{}, err
			}
			awake = true
		}
		return struct{}{}, d.reachOnce(ctx, target, throughOS)
	})
	return err
}

// settle is how long a peer that already answers pings may need until WireGuard
// knows a new node there, too. Both follow from the same network map.
const settle = 30 * time.Millisecond

// wake pings the peer that carries what goes to target, if one does, and waits
// until it takes a handshake. A peer that has not heard of this node yet drops
// what it sends: the next handshake of WireGuard is 5 s later, the next ping at
// once.
func (p *pinger) wake(ctx context.Context, target string) error {
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		return err
	}
	status, err := p.Local.Status(ctx)
	if err != nil {
		return err
	}
	for _, peer := range status.Peer {
		if len(peer.TailscaleIPs) > 0 && (isCalled(peer, host) || routes(peer, host)) {
			if _, err := p.ping(ctx, peer.TailscaleIPs[0].String()); err != nil {
				return err
			}
			time.Sleep(settle)
			return nil
		}
	}
	return nil
}

// routes reports that a peer is the router of a network that an address is in.
func routes(p *ipnstate.PeerStatus, address string) bool {
	ip, err := netip.ParseAddr(address)
	if err != nil || p.PrimaryRoutes == nil {
		return false
	}
	for _, network := range p.PrimaryRoutes.All() {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}

func (d *Daemon) reachOnce(ctx context.Context, target string, throughOS bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	conn, err := d.connect(ctx, target, throughOS)
	switch {
	case err == nil:
		return conn.Close()
	case throughOS:
		return err
	}
	return cmp.Or(d.checkResolver(ctx, target, err), err)
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
