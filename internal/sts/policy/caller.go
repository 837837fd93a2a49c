package policy

import (
	"errors"
	"strings"

	"tailscale.com/client/tailscale/apitype"
	"tailscale.com/tailcfg"
)

// A Caller is the node that asks for a token, as the tailnet knows it.
type Caller struct {
	NodeID   string // stable ID
	Name     string // full name on the tailnet, no dot at the end
	Hostname string // the first part of Name; all of it for a node of another tailnet
	IP4, IP6 string
	Tags     []string // of a tagged node, which belongs to nobody
	User     string   // login name of whose node it is; "" if it is tagged
	Foreign  bool     // a node of another tailnet, to which ours is shared

	Grants  []Grant
	Granted bool    // it holds a capability of ours, well-formed or not
	Odd     []error // its grants that say nothing that can be understood: they give nothing
}

var errNobody = errors.New("the tailnet knows no node with an ID at this address")

// CallerOf reads what WhoIs answers. A tagged node is told from a person's
// before the person is looked at: WhoIs names one there too, who is not the
// node's owner.
func CallerOf(who *apitype.WhoIsResponse) (*Caller, error) {
	if who == nil || who.Node == nil || who.Node.StableID == "" {
		return nil, errNobody
	}
	node := who.Node
	c := &Caller{
		NodeID:   string(node.StableID),
		Name:     strings.TrimSuffix(node.Name, "."),
		Hostname: hostname(node),
		Foreign:  node.Hostinfo.Valid() && node.Hostinfo.ShareeNode(),
	}
	c.addresses(node)
	if node.IsTagged() {
		c.Tags = node.Tags
	} else if who.UserProfile != nil {
		c.User = who.UserProfile.LoginName
	}
	c.grants(who.CapMap)
	return c, nil
}

// hostname is the name that the tailnet gives a node. A node without one has none here:
// what a node calls itself proves nothing.
func hostname(node *tailcfg.Node) string {
	if node.Name == "" {
		return ""
	}
	return node.ComputedName
}

func (c *Caller) addresses(node *tailcfg.Node) {
	for _, prefix := range node.Addresses {
		if addr := prefix.Addr(); addr.Is4() {
			c.IP4 = addr.String()
		} else {
			c.IP6 = addr.String()
		}
	}
}
