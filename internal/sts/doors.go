package sts

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/config"
	"github.com/tailjoin/tailjoin/internal/sts/server"
)

// A door is a listener, and what is to be had there.
type door struct {
	net.Listener
	http.Handler
}

// doors are all of a service. Who comes by one cannot get what another has.
type doors []door

// open opens the doors that the configuration wants. If one cannot be opened
// none is.
func open(node *Node, c *config.Config, s *server.Server) (all doors, err error) {
	defer func() {
		if err != nil {
			all.close()
		}
	}()
	secured, err := tlsOf(node, c.Server)
	if err != nil {
		return nil, err
	}
	port := addressOf(c, node.Name).port
	listeners, err := node.Listen(port)
	if err != nil {
		return nil, cannotListen(fmt.Sprintf("port %d of the tailnet", port), err)
	}
	for _, l := range listeners {
		if secured != nil {
			l = tls.NewListener(l, secured)
		}
		all = append(all, door{l, s.Tailnet()})
	}
	if c.TSNet.Funnel {
		l, err := node.Funnel(port, secured)
		if err != nil {
			return all, noFunnel(err)
		}
		all = append(all, door{l, s.Public()})
	}
	if c.Server.OpsListen != "" {
		l, err := net.Listen("tcp", c.Server.OpsListen)
		if err != nil {
			return all, cannotListen(c.Server.OpsListen, err)
		}
		all = append(all, door{l, s.Ops()})
	}
	return all, nil
}

func (all doors) close() {
	for _, d := range all {
		d.Close()
	}
}

// patience is for requests that are under way when the service stops.
const patience = 5 * time.Second

// serve serves at every door until ctx ends, or one of them fails.
func (all doors) serve(ctx context.Context, log *slog.Logger) error {
	failed := make(chan error, len(all))
	var servers []*http.Server
	for _, d := range all {
		s := serverFor(d.Handler, log)
		servers = append(servers, s)
		go func() { failed <- s.Serve(d.Listener) }()
	}
	var err error
	ended := 0
	select {
	case <-ctx.Done():
		log.Info("stopping")
	case err = <-failed:
		err, ended = fmt.Errorf("serving: %w", err), 1
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	for _, s := range servers {
		if s.Shutdown(ctx) != nil {
			s.Close()
		}
	}
	for range len(all) - ended {
		<-failed
	}
	return err
}

// serverFor has the limits of tsiam: nobody may keep a connection without
// saying anything.
func serverFor(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           h,
		MaxHeaderBytes:    64 << 10,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

func cannotListen(where string, err error) error {
	return &diag.Problem{
		Code:    "cannot-listen",
		Summary: "the token service cannot listen where it should",
		Err:     err,
		Facts:   []diag.Fact{{Name: "where", Value: where}},
		Hint:    "another program has the port, or this user may not have it. server.port and server.opsListen name others",
	}
}

func noFunnel(err error) error {
	return &diag.Problem{
		Code:    "no-funnel",
		Summary: "this node may not publish anything by Funnel",
		Err:     err,
		Hint: "the policy file has to give it the attribute funnel, and HTTPS has to be on: https://tailscale.com/kb/1223/funnel\n" +
			"Or publish the same as files: tailjoin-sts publish DIR, and server.issuer names the place",
	}
}
