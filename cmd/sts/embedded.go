package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/tailjoin/tailjoin/internal/sts"
	"tailscale.com/client/local"
	"tailscale.com/ipn"
	"tailscale.com/tsnet"
)

// credentials are variables that tsnet would read by itself, at each start. The
// configuration has read them, and they are used once.
var credentials = []string{"TS_AUTHKEY", "TS_AUTH_KEY", "TS_CLIENT_ID", "TS_CLIENT_SECRET", "TS_ID_TOKEN", "TS_AUDIENCE"}

// embedded is a node that runs in this process.
func embedded(ctx context.Context, o sts.NodeOptions) (*sts.Node, error) {
	for _, name := range credentials {
		os.Unsetenv(name)
	}
	s := &tsnet.Server{
		Dir: o.StateDir, Hostname: o.Hostname, ControlURL: o.ControlURL,
		AdvertiseTags: o.Tags, Ephemeral: o.Ephemeral,
		UserLogf: func(format string, args ...any) { o.Log.Debug(fmt.Sprintf(format, args...), "from", "tsnet") },
		Logf:     func(format string, args ...any) { o.Log.Debug(fmt.Sprintf(format, args...), "from", "tailscaled") },
	}
	if err := s.Start(); err != nil {
		return nil, fmt.Errorf("starting the node: %w", err)
	}
	n, err := joined(ctx, s, o)
	if err != nil {
		return nil, errors.Join(err, closeWithin(s, closeLimit))
	}
	return n, nil
}

func joined(ctx context.Context, s *tsnet.Server, o sts.NodeOptions) (*sts.Node, error) {
	lc, err := s.LocalClient()
	if err != nil {
		return nil, err
	}
	status, err := sts.LogIn(ctx, lc, o)
	if err != nil {
		return nil, err
	}
	if err := forgetServing(ctx, lc); err != nil {
		return nil, err
	}
	n := sts.NodeAt(lc, status)
	n.Close = func() error { return end(s, lc, o.Ephemeral) }
	n.Listen = func(port int) ([]net.Listener, error) {
		l, err := s.Listen("tcp", fmt.Sprintf(":%d", port))
		return []net.Listener{l}, err
	}
	// A listener of its own: what comes by Funnel never arrives at the other.
	n.Funnel = func(port int, config *tls.Config) (net.Listener, error) {
		l, err := s.ListenFunnel("tcp", fmt.Sprintf(":%d", port), tsnet.FunnelOnly(), tsnet.FunnelTLSConfig(config))
		return fromAnywhere{l}, err
	}
	return n, nil
}

// closeLimit bounds a logout, and the end of the node after it.
const closeLimit = 5 * time.Second

// end takes the node off the tailnet. tsnet logs an ephemeral one out at last,
// which is too late if it does not come that far.
func end(s *tsnet.Server, lc *local.Client, ephemeral bool) error {
	var err error
	if ephemeral {
		ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
		defer cancel()
		err = lc.Logout(ctx)
	}
	return errors.Join(err, closeWithin(s, closeLimit))
}

// closeWithin does not wait for a node that never ends: netstack resets its
// connections through a queue of 512 packets that nothing reads any more.
// Source: tailscale.com v1.102.5, wgengine/netstack, (*Impl).Close.
func closeWithin(s *tsnet.Server, limit time.Duration) error {
	closed := make(chan error, 1)
	go func() { closed <- s.Close() }()
	select {
	case err := <-closed:
		return err
	case <-time.After(limit):
		return nil
	}
}

// forgetServing takes back what an earlier run let Funnel reach: this one says
// anew what that is.
func forgetServing(ctx context.Context, lc *local.Client) error {
	if err := lc.SetServeConfig(ctx, nil); err != nil {
		return fmt.Errorf("clearing what Funnel reaches: %w", err)
	}
	return nil
}

// fromAnywhere is a listener of Funnel's. Its connections say that they come
// from where they really do, and not from the relay.
type fromAnywhere struct{ net.Listener }

func (l fromAnywhere) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	secured, ok := conn.(*tls.Conn)
	if err != nil || !ok {
		return conn, err
	}
	if relayed, ok := secured.NetConn().(*ipn.FunnelConn); ok {
		return from{conn, net.TCPAddrFromAddrPort(relayed.Src)}, nil
	}
	return conn, nil
}

type from struct {
	net.Conn
	address net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.address }
