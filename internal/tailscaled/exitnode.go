package tailscaled

import (
	"context"
	"errors"
	"slices"
	"strings"

	"tailscale.com/ipn"
)

// UseExitNode sends this machine's traffic through a peer, by address, by
// name, or "auto:any". Who is a peer is known a moment after the node runs.
func (d *Daemon) UseExitNode(ctx context.Context, node string) error {
	prefs, err := until(ctx, func(ctx context.Context) (*ipn.MaskedPrefs, error) { return d.exitNode(ctx, node) })
	if err != nil {
		return err
	}
	_, err = d.Local.EditPrefs(ctx, prefs)
	return err
}

var errNoExitNode = errors.New("that peer offers no exit node, or the tailnet has not approved it")

// exitNode looks an address up too: the daemon takes any, and all traffic
// would go nowhere.
func (d *Daemon) exitNode(ctx context.Context, node string) (*ipn.MaskedPrefs, error) {
	if expression, ok := ipn.ParseAutoExitNodeString(node); ok {
		return &ipn.MaskedPrefs{Prefs: ipn.Prefs{AutoExitNode: expression}, AutoExitNodeSet: true}, nil
	}
	p, err := d.peer(ctx, node)
	if err != nil {
		return nil, err
	}
	if !p.ExitNodeOption {
		return nil, errNoExitNode
	}
	return &ipn.MaskedPrefs{Prefs: ipn.Prefs{ExitNodeID: p.ID}, ExitNodeIDSet: true}, nil
}

// ExitNodes are the names of the peers that offer to be one.
func (d *Daemon) ExitNodes(ctx context.Context) []string {
	status, err := d.Local.Status(ctx)
	if err != nil {
		return nil
	}
	var names []string
	for _, p := range status.Peer {
		if p.ExitNodeOption {
			names = append(names, strings.TrimSuffix(p.DNSName, "."))
		}
	}
	slices.Sort(names)
	return names
}
