package join

import "github.com/tailjoin/tailjoin/internal/tailscaled"

// sayWhetherNodeStays announces a node that may be left on the tailnet by a leave.
// The keys that a join makes are ephemeral. Of a key of the user's only the control
// server knows; Tailscale's also removes each node whose key is kept in memory.
func (j *joining) sayWhetherNodeStays() {
	if j.Identity.AuthKey.IsZero() || tailscaled.IsTailscales(j.Up.Prefs.ControlURL) && j.StateDir == "" {
		return
	}
	j.Log.Info("the node goes when the job leaves if its auth key is ephemeral; otherwise it stays, logged out, until someone removes it")
}

// warnOfKeptNode says that the control server kept a node that logged out.
func (l *leaving) warnOfKeptNode(daemon *tailscaled.Daemon) {
	if l.session.ByKey && !tailscaled.IsTailscales(l.session.Server) && daemon.IsKept() {
		l.Log.Warn("the node " + l.session.Node + " is logged out, but stays at " + l.session.Server + ", since its auth key is not ephemeral: " +
			"remove it there, and make keys for jobs ephemeral (headscale preauthkeys create --ephemeral)")
	}
}
