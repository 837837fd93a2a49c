package localtailnet

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"tailscale.com/client/local"
	"tailscale.com/envknob"
	"tailscale.com/ipn"
	"tailscale.com/net/netutil"
	"tailscale.com/net/tsaddr"
	"tailscale.com/tsnet"
)

// PeerOptions describe a peer. The zero value is my-server, tagged tag:server.
type PeerOptions struct {
	Hostname string   // "" is my-server
	Tags     []string // nil is tag:server

	// ExitNode and Routes are what it advertises; Options.AutoApproveRoutes
	// makes them effective. For whatever is behind it, it answers itself: its
	// page says which address was wanted.
	ExitNode bool
	Routes   []netip.Prefix

	// SSHHostKeys are what the tailnet tells others of its ssh server, as it
	// does of one with Tailscale SSH: "ssh-ed25519 AAAA…".
	SSHHostKeys []string
}

// A Peer is a node with a page on port 80 that says who asked. It runs in this
// process, as a tsnet server.
type Peer struct {
	Name string     // full MagicDNS name, no dot at the end
	IP   netip.Addr // IPv4

	node *tsnet.Server
	lc   *local.Client
	web  *http.Server
	dir  string
}

// StartPeer brings a peer onto the tailnet; when it returns, the peer serves.
// The tailnet closes it, if nobody did before.
func (t *Tailnet) StartPeer(ctx context.Context, o PeerOptions) (*Peer, error) {
	o.Hostname = cmp.Or(o.Hostname, "my-server")
	if o.Tags == nil {
		o.Tags = []string{"tag:server"}
	}
	keepOffTheNetwork()
	dir, err := os.MkdirTemp("", "peer-")
	if err != nil {
		return nil, err
	}
	_, key := t.MintKey(KeyOptions{Description: "peer " + o.Hostname, Tags: o.Tags, Preauthorized: true})
	p := &Peer{dir: dir, node: &tsnet.Server{
		Dir: dir, Hostname: o.Hostname,
		ControlURL: t.backend, // no added latency: the peer is part of the far side
		AuthKey:    key,
		Logf:       t.opts.Logf, UserLogf: t.opts.Logf,
	}}
	if err := p.node.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, fmt.Errorf("starting peer %s: %w", o.Hostname, err)
	}
	p.web = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	t.work.Go(func() {
		<-t.ctx.Done()
		p.Close()
	})
	if err := p.join(ctx, o); err != nil {
		p.Close()
		return nil, fmt.Errorf("joining peer %s: %w", o.Hostname, err)
	}
	t.tellSSHHostKeys(p.Name, o.SSHHostKeys)
	return p, nil
}

// KeepOffTheNetwork keeps every node of this process from talking to anything
// but its tailnet. StartPeer does it; whoever runs other nodes does it before
// the first.
func KeepOffTheNetwork() { keepOffTheNetwork() }

// keepOffTheNetwork: tsnet has no options for it; the variables are the whole
// process's, and may not be set again while a peer reads them.
var keepOffTheNetwork = sync.OnceFunc(func() {
	envknob.SetNoLogsNoSupport()
	envknob.Setenv("TS_DISABLE_PORTMAPPER", "1")
	envknob.Setenv("TS_ASSUME_NETWORK_UP_FOR_TEST", "1") // loopback alone is enough
})

func (p *Peer) join(ctx context.Context, o PeerOptions) error {
	status, err := p.node.Up(ctx)
	if err != nil {
		return err
	}
	p.Name = strings.TrimSuffix(status.Self.DNSName, ".")
	p.IP = status.TailscaleIPs[0]
	if p.lc, err = p.node.LocalClient(); err != nil {
		return err
	}
	l, err := p.node.Listen("tcp", ":80")
	if err != nil {
		return err
	}
	go p.web.Serve(l)
	return p.advertise(ctx, o)
}

// advertise offers the routes, and answers for all that lies behind them.
func (p *Peer) advertise(ctx context.Context, o PeerOptions) error {
	routes := slices.Clone(o.Routes)
	if o.ExitNode {
		routes = append(routes, tsaddr.ExitRoutes()...)
	}
	if len(routes) == 0 {
		return nil
	}
	p.node.RegisterFallbackTCPHandler(func(_, dst netip.AddrPort) (func(net.Conn), bool) {
		return p.answer, dst.Port() == 80
	})
	_, err := p.lc.EditPrefs(ctx, &ipn.MaskedPrefs{
		Prefs:              ipn.Prefs{AdvertiseRoutes: routes},
		AdvertiseRoutesSet: true,
	})
	return err
}

// answer serves one connection to an address behind the peer. It returns when
// that is closed: until then netstack keeps the address.
func (p *Peer) answer(c net.Conn) {
	closed := make(chan struct{})
	l := netutil.NewOneConnListener(&tellingConn{Conn: c, closed: sync.OnceFunc(func() { close(closed) })}, nil)
	if p.web.Serve(l) != io.EOF { // EOF: it took the connection
		c.Close()
		return
	}
	<-closed
}

// A tellingConn tells when it is closed.
type tellingConn struct {
	net.Conn
	closed func()
}

func (c *tellingConn) Close() error {
	defer c.closed()
	return c.Conn.Close()
}

// ServeHTTP tells the visitor who they are on this tailnet.
func (p *Peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	who, err := p.lc.WhoIs(r.Context(), r.RemoteAddr)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	via := r.Context().Value(http.LocalAddrContextKey)
	fmt.Fprintf(w, "Hello from %s (%v).\n", p.Name, via)
	fmt.Fprintf(w, "You are %s, %s.\n", strings.TrimSuffix(who.Node.Name, "."),
		cmp.Or(strings.Join(who.Node.Tags, ", "), who.UserProfile.LoginName))
}

// Listen accepts what others of the tailnet send to an address such as ":22".
func (p *Peer) Listen(network, address string) (net.Listener, error) {
	return p.node.Listen(network, address)
}

// Dial connects from the peer to an address of the tailnet.
func (p *Peer) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	return p.node.Dial(ctx, network, address)
}

// closeLimit bounds the end of a peer. tsnet never ends a node that had more than
// 512 connections a moment ago.
const closeLimit = 10 * time.Second

// Close takes the peer off the tailnet. It may be called again.
func (p *Peer) Close() {
	p.web.Close()
	closed := make(chan struct{})
	go func() {
		p.node.Close()
		close(closed)
	}()
	select {
	case <-closed:
	case <-time.After(closeLimit):
	}
	os.RemoveAll(p.dir)
}
