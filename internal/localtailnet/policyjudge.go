package localtailnet

import (
	"net/netip"

	"tailscale.com/tailcfg"
)

// A PolicyNode is a node that Judge is asked about.
type PolicyNode struct {
	Name      string
	Login     string // of the person who owns it; "" if it has tags
	Tags      []string
	Addresses []netip.Addr
	Routes    []netip.Prefix // that lead through it
}

// Judge applies a policy file to a tailnet with these nodes and returns the packet
// filter of each node, by name. The error of a refused file is the API's message.
// owner is the login name of the tailnet's owner; domains are the domains of its users.
func Judge(text []byte, owner string, domains []string, nodes []PolicyNode) (filters map[string][]tailcfg.FilterRule, err error) {
	f, err := readPolicy(text, domains)
	if err != nil {
		return nil, err
	}
	a := applied{policyFile: f, owner: owner}
	for _, n := range nodes {
		a.machines = append(a.machines, machine{addrs: n.Addresses, tags: n.Tags, login: n.Login, routes: n.Routes})
	}
	if err := a.test(); err != nil {
		return nil, err
	}
	filters = map[string][]tailcfg.FilterRule{}
	for i, n := range nodes {
		filters[n.Name] = a.filterFor(a.machines[i])
	}
	return filters, nil
}
