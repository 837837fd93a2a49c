package join

import (
	"context"
	"runtime"
)

// checkNames warns if later steps cannot reach peers by name, though they are to.
// The tailnet can be used by address, so the join does not fail.
func (j *joining) checkNames(ctx context.Context) {
	prefs := j.Up.Prefs
	if !j.result.TUN || !j.result.Node.MagicDNS || prefs.CorpDNSSet && !prefs.CorpDNS {
		return
	}
	err := j.daemon.Resolves(ctx, j.result.Node)
	if err == nil || ctx.Err() != nil {
		return
	}
	j.Log.Warn("names of the tailnet do not resolve on this machine: "+namesTake[runtime.GOOS == "windows"]+", or use addresses; accept-dns: false turns this check off",
		"because", err)
}

// namesTake is what a machine needs for the tailnet's names, on Windows and on
// others.
var namesTake = map[bool]string{
	true:  "let its policies leave the name resolution rules (NRPT) to Tailscale",
	false: "let tailscaled write /etc/resolv.conf, or write `nameserver 100.100.100.100` into it (in a container: --dns 100.100.100.100)",
}
