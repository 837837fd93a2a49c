package localtailnet

import (
	"net/netip"
	"time"

	"tailscale.com/tailcfg"
	"tailscale.com/types/key"
)

// AddNode registers a node that never connects, as the key of these options
// lets one in: for questions about a policy, which is about such nodes as well.
func (t *Tailnet) AddNode(hostname string, o KeyOptions, routes ...netip.Prefix) (n Node) {
	o.Preauthorized = true
	req := &tailcfg.RegisterRequest{
		NodeKey:  key.NewNode().Public(),
		Hostinfo: &tailcfg.Hostinfo{Hostname: hostname, RoutableIPs: routes},
	}
	t.state.change(func() {
		n = t.newNode(t.state.mint(o), req, key.NewMachine().Public(), time.Now()).snapshot()
	})
	return n
}
