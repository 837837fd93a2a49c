package localtailnet

import (
	"strings"

	"tailscale.com/tailcfg"
)

// funnelPorts are those that a node may publish, as at Tailscale.
const funnelPorts = string(tailcfg.CapabilityFunnelPorts) + "?ports=443,8443,10000"

// withFunnel lets a node publish by Funnel, where the tailnet does: it has a
// name to get a certificate for, and the attributes. Who relays what comes
// from the internet is a peer with the capability
// tailcfg.PeerCapabilityIngress, by Options.Grants; no certificate is issued.
func (t *Tailnet) withFunnel(m *tailcfg.MapResponse) {
	if !t.opts.Funnel {
		return
	}
	m.DNSConfig.CertDomains = []string{strings.TrimSuffix(m.Node.Name, ".")}
	m.Node.CapMap[tailcfg.CapabilityHTTPS] = nil
	m.Node.CapMap[tailcfg.NodeAttrFunnel] = nil
	m.Node.CapMap[tailcfg.NodeCapability(funnelPorts)] = nil
}
