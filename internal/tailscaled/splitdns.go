package tailscaled

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"tailscale.com/client/tailscale/apitype"
	"tailscale.com/ipn"
	"tailscale.com/types/dnstype"
)

// checkResolver returns a Problem if a dial failed since only the tailnet's DNS
// servers know the name of the target. Without a network interface the daemon
// resolves the names of nodes alone, and asks the machine's resolver for others:
// that does not change while the join waits.
func (d *Daemon) checkResolver(ctx context.Context, target string, dialed error) error {
	host, _, err := net.SplitHostPort(target)
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), namesLimit) // the dial may have used up its own time
	defer cancel()
	domain := routedDomain(host, d.dnsRoutes(ctx))
	if domain == "" {
		return nil
	}
	if _, err := resolver().LookupHost(ctx, host); err == nil {
		return nil
	}
	return &diag.Problem{
		Code:    "not-reachable",
		Summary: "the name " + host + " does not resolve without a network interface",
		Facts:   []diag.Fact{{Name: "resolved by", Value: "the tailnet's DNS servers for " + domain}},
		Err:     dialed,
		Hint: "without an interface only the names of the tailnet's own nodes resolve: use the address of the target,\n" +
			"or let the job have an interface (network: tun)",
	}
}

// dnsRoutes are the tailnet's DNS servers for domains that are not its own. It is
// nil if the daemon does not tell. The rest of its network map is not read: this
// program lacks some of what that may hold.
func (d *Daemon) dnsRoutes(ctx context.Context) map[string][]*dnstype.Resolver {
	address := fmt.Sprintf("http://%s/localapi/v0/watch-ipn-bus?mask=%d", apitype.LocalAPIHost, ipn.NotifyInitialNetMap)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil
	}
	res, err := d.Local.DoLocalRequest(req)
	if err != nil {
		return nil
	}
	defer res.Body.Close()
	var event struct {
		NetMap struct {
			DNS struct {
				Routes map[string][]*dnstype.Resolver
			}
		}
	}
	if json.NewDecoder(res.Body).Decode(&event) != nil {
		return nil
	}
	return event.NetMap.DNS.Routes
}

// routedDomain is the domain of a host that has DNS servers in routes, "" if none
// has. A domain without servers is the tailnet's own.
func routedDomain(host string, routes map[string][]*dnstype.Resolver) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	for domain, servers := range routes {
		name := strings.ToLower(strings.Trim(domain, "."))
		if len(servers) > 0 && (host == name || strings.HasSuffix(host, "."+name)) {
			return name
		}
	}
	return ""
}
