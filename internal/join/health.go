package join

import (
	"fmt"
	"slices"
	"time"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/tailscaled"
	"tailscale.com/health/healthmsg"
)

// expiresSoon is a lifetime of a node's key that a job may outlast.
const expiresSoon = 24 * time.Hour

// checkHealth reads what the daemon says of the node it has just logged in: a
// node may be on the tailnet and of no use.
func (j *joining) checkHealth(now time.Time) error {
	node := j.result.Node
	j.Log.Debug("the node's health", "says", node.Health)
	if slices.Contains(node.Health, healthmsg.LockedOut) {
		return lockedOut(node)
	}
	if at := node.KeyExpires; !at.IsZero() && at.Before(now.Add(expiresSoon)) {
		j.Log.Warn(fmt.Sprintf("the key of this node expires at %s, and the node is off the tailnet from then on: give the node tags, or turn key expiry off for it",
			at.UTC().Format(time.RFC3339)))
	}
	return nil
}

func lockedOut(node tailscaled.Node) error {
	return problem("locked-out", "tailnet lock shuts this node out: it is on the tailnet and can reach no other node",
		"the tailnet takes only nodes that a signing node has signed. Join with an auth key that was signed ahead, on a signing node:\n"+
			"  tailscale lock sign tskey-auth-…\n"+
			"which prints the key to give as the input authkey (it has --TL in it). Or sign each node by hand, while it is there:\n"+
			"  tailscale lock sign nodekey:…", nil,
		diag.Fact{Name: "node", Value: node.Name}, diag.Fact{Name: "health", Value: healthmsg.LockedOut})
}
