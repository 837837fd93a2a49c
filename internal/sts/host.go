package sts

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/config"
	"tailscale.com/client/local"
	"tailscale.com/ipn"
)

// host is the node that the machine is already.
func host(ctx context.Context, c config.TSNet) (*Node, error) {
	lc := &local.Client{Socket: c.Socket, UseSocketOnly: c.Socket != ""}
	status, err := lc.StatusWithoutPeers(ctx)
	if err == nil && status.BackendState != ipn.Running.String() {
		err = errors.New("its state is " + status.BackendState)
	}
	if err != nil {
		return nil, noHostNode(c.Socket, err)
	}
	n := NodeAt(lc, status)
	addresses := status.TailscaleIPs
	if !status.TUN { // it hands connections on to the loopback interface
		addresses = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
	}
	n.Listen = func(port int) ([]net.Listener, error) { return listenAll(addresses, port) }
	return n, nil
}

func noHostNode(socket string, err error) error {
	return &diag.Problem{
		Code:    "no-host-node",
		Summary: "this machine's tailscaled is not on a tailnet, or does not answer",
		Err:     err,
		Facts:   []diag.Fact{{Name: "socket", Value: cmp.Or(socket, "the usual one")}},
		Hint:    "see what `tailscale status` says; or leave out tsnet.host, and the service is a node of its own",
	}
}

func listenAll(addresses []netip.Addr, port int) (all []net.Listener, err error) {
	for _, addr := range addresses {
		l, err := net.Listen("tcp", net.JoinHostPort(addr.String(), strconv.Itoa(port)))
		if err != nil {
			return nil, errors.Join(err, closeAll(all))
		}
		all = append(all, l)
	}
	return all, nil
}

func closeAll(listeners []net.Listener) (err error) {
	for _, l := range listeners {
		err = errors.Join(err, l.Close())
	}
	return err
}
