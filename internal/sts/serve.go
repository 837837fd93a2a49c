package sts

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/tailjoin/tailjoin/internal/sts/config"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
	"github.com/tailjoin/tailjoin/internal/sts/server"
)

// serve is the command that gives out tokens, until ctx ends.
func (f *front) serve(ctx context.Context, args []string) error {
	c, err := f.configured(flag.NewFlagSet("serve", flag.ContinueOnError), args, 0)
	if err != nil {
		return err
	}
	log := f.logger(c.Logs)
	keys, err := f.openKeys(c)
	if err != nil {
		return err
	}
	if err := keys.Open(ctx); errors.Is(err, keyring.ErrAway) {
		log.Warn("no token is given out until the store of the signing keys is back", "because", err)
	} else if err != nil {
		return err
	}
	audit, err := f.auditTo(c.Audit)
	if err != nil {
		return err
	}
	defer audit.Close()
	node, err := f.node(ctx, c, log)
	if err != nil {
		return err
	}
	defer node.Close()
	return serveOn(ctx, c, keys, audit, node, log)
}

// serveOn serves on a node, with all that it takes at hand.
func serveOn(ctx context.Context, c *config.Config, keys *keyring.Keeper, audit io.Writer, node *Node, log *slog.Logger) error {
	p, err := c.Policy()
	if err != nil {
		return err
	}
	at := addressOf(c, node.Name)
	trust, err := c.ExchangePolicy(at.issuer)
	if err != nil {
		return err
	}
	srv := server.New(server.Options{
		Issuer: at.issuer, TokenURL: at.token,
		Policy: p, Keys: keys,
		WhoIs: node.WhoIs, OnTailnet: node.Running,
		Audit: audit, Log: log,
		Rate: c.Server.Rate, Burst: c.Server.Burst, OmitHealthChecks: c.Logs.OmitHealthChecks,
		Exchange: trust, PublicExchange: c.Exchange.Funnel,
	})
	defer srv.Close()
	doors, err := open(node, c, srv)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer stop()
	work.Go(func() { keys.Run(ctx) })
	log.Info("serving", "issuer", at.issuer, "token", at.token, "algorithms", keys.Algorithms, "funnel", c.TSNet.Funnel)
	return doors.serve(ctx, log)
}

// node is the service's place on the tailnet.
func (f *front) node(ctx context.Context, c *config.Config, log *slog.Logger) (*Node, error) {
	if c.TSNet.Host {
		return host(ctx, c.TSNet)
	}
	key, err := f.authKey(c.TSNet)
	if err != nil {
		return nil, err
	}
	t := c.TSNet
	return f.Embedded(ctx, NodeOptions{
		Hostname: t.Hostname, StateDir: t.StateDir, ControlURL: t.ControlURL,
		Tags: t.AdvertiseTags, Ephemeral: t.Ephemeral, Key: key, Log: log,
	})
}

// An address is where a service is found.
type address struct {
	port          int
	issuer, token string // URLs
}

// addressOf is that of a node. The issuer may be elsewhere; tokens are to be
// had at the node.
func addressOf(c *config.Config, name string) address {
	scheme, port := "https", 443
	if c.Server.TLS == "off" {
		scheme, port = "http", 80
	}
	a := address{port: port}
	own := scheme + "://" + name
	if c.Server.Port != 0 && c.Server.Port != port {
		a.port = c.Server.Port
		own = fmt.Sprintf("%s:%d", own, a.port)
	}
	a.issuer, a.token = own, own+"/token"
	if c.Server.Issuer != "" {
		a.issuer = c.Server.Issuer
	}
	return a
}
