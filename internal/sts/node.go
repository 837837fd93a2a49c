package sts

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
	"tailscale.com/client/local"
	"tailscale.com/client/tailscale/apitype"
	"tailscale.com/ipn"
	"tailscale.com/ipn/ipnstate"
)

// NodeOptions are what a node of the service's own is made of.
type NodeOptions struct {
	Hostname, StateDir, ControlURL string
	Tags                           []string
	Ephemeral                      bool

	// Key gets an auth key. It is called if the node has to log in. Nil: a
	// person does that, at an address that the log shows.
	Key func(context.Context) (secret.Text, error)
	Log *slog.Logger
}

// A Node is the service's place on a tailnet.
type Node struct {
	Name    string // full name, no dot at the end
	WhoIs   func(ctx context.Context, remoteAddr string) (*apitype.WhoIsResponse, error)
	Running func(ctx context.Context) error // fails while it is not on the tailnet

	Listen      func(port int) ([]net.Listener, error)                   // for the tailnet
	Funnel      func(port int, config *tls.Config) (net.Listener, error) // for the internet; nil: it cannot
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)     // from Tailscale
	Close       func() error
}

// NodeAt is the node of a tailscaled, for which Listen and Funnel have to be
// filled in.
func NodeAt(lc *local.Client, status *ipnstate.Status) *Node {
	n := &Node{
		Name:        strings.TrimSuffix(status.Self.DNSName, "."),
		WhoIs:       lc.WhoIs,
		Running:     func(ctx context.Context) error { return running(ctx, lc) },
		Certificate: lc.GetCertificate,
		Close:       func() error { return nil },
	}
	if len(status.CertDomains) == 0 {
		n.Certificate = nil
	}
	return n
}

func running(ctx context.Context, lc *local.Client) error {
	status, err := lc.StatusWithoutPeers(ctx)
	if err != nil {
		return errors.New("tailscaled does not answer")
	}
	if status.BackendState != ipn.Running.String() {
		return fmt.Errorf("the node's state is %s", status.BackendState)
	}
	return nil
}

// LogIn waits until the node is on the tailnet. It gets a key only if the node
// is not known there.
func LogIn(ctx context.Context, lc *local.Client, o NodeOptions) (*ipnstate.Status, error) {
	events, err := lc.WatchIPNBus(ctx, ipn.NotifyInitialState|ipn.NotifyNoNetMap)
	if err != nil {
		return nil, fmt.Errorf("watching the node: %w", err)
	}
	defer events.Close()
	l := login{lc: lc, options: o}
	for !l.done {
		event, err := events.Next()
		if err != nil {
			return nil, fmt.Errorf("waiting for the tailnet: %w", err)
		}
		if err := l.on(ctx, event); err != nil {
			return nil, err
		}
	}
	return lc.StatusWithoutPeers(ctx)
}

type login struct {
	lc       *local.Client
	options  NodeOptions
	gaveKey  bool
	approval bool // somebody was told that it is wanted
	done     bool
}

// on looks at what the node says of its login.
func (l *login) on(ctx context.Context, event ipn.Notify) error {
	if event.ErrMessage != nil {
		return notJoined(errors.New(*event.ErrMessage))
	}
	if event.BrowseToURL != nil && *event.BrowseToURL != "" && l.options.Key == nil {
		l.options.Log.Warn("the node has no key to log in with: open this page", "page", *event.BrowseToURL)
	}
	if event.State == nil {
		return nil
	}
	switch *event.State {
	case ipn.Running:
		l.done = true
	case ipn.NeedsLogin:
		return l.giveKey(ctx)
	case ipn.NeedsMachineAuth:
		if !l.approval {
			l.options.Log.Warn("the tailnet wants an administrator to approve this node: https://login.tailscale.com/admin/machines")
		}
		l.approval = true
	}
	return nil
}

func (l *login) giveKey(ctx context.Context) error {
	if l.options.Key == nil || l.gaveKey {
		return nil
	}
	l.gaveKey = true
	key, err := l.options.Key(ctx)
	if err != nil {
		return err
	}
	if err := l.lc.Start(ctx, ipn.Options{AuthKey: key.Reveal()}); err != nil {
		return notJoined(err)
	}
	if err := l.lc.StartLoginInteractive(ctx); err != nil {
		return notJoined(err)
	}
	return nil
}

func notJoined(err error) error {
	return &diag.Problem{
		Code:    "node-refused",
		Summary: "the tailnet does not let the token service in",
		Err:     err,
		Hint: "if the auth key is spent or unknown, give a new one: TS_AUTHKEY, or tsnet.authKey\n" +
			"If a tag is not permitted, tsnet.advertiseTags must be all tags of the key or the credential, or tags that these own",
	}
}

// noCertificate explains why there is no TLS.
func noCertificate() error {
	return &diag.Problem{
		Code:    "no-certificate",
		Summary: "this tailnet gives its nodes no certificates, so the token service cannot have TLS",
		Hint: "switch on MagicDNS and HTTPS certificates: https://login.tailscale.com/admin/dns\n" +
			"Or bring a certificate: server.tls: files, with server.certFile and server.keyFile",
	}
}
