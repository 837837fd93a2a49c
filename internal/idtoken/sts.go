package idtoken

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/retry"
)

// sts asks a token service on the tailnet: tailjoin-sts, or tsiam, which knows
// by itself which node asks.
// Source: ItalyPaleAle/tsiam, pkg/server/routes.go.
func sts(ctx context.Context, j job) (string, error) {
	address, err := withQuery(strings.TrimSuffix(j.STS, "/")+"/token", "resource", j.audience)
	if err != nil {
		return "", err
	}
	client, err := j.byProxy()
	if err != nil {
		return "", err
	}
	token, err := ask{method: http.MethodPost, url: address, header: http.Header{"X-Tsiam": {"1"}}}.tokenFrom(ctx, client, "access_token")
	if r, ok := errors.AsType[*refusal](err); ok && r.code == "node_identity" {
		return "", &retry.Later{Err: err} // a node that has just joined is not known everywhere at once
	}
	return token, err
}

// byProxy is remote, by the proxy to the tailnet if there is one.
func (j job) byProxy() (*http.Client, error) {
	client := j.remote()
	transport, ok := client.Transport.(*http.Transport)
	if j.Proxy == "" || !ok {
		return client, nil
	}
	proxy, err := url.Parse(j.Proxy)
	if err != nil {
		return nil, fmt.Errorf("parsing the address of the proxy to the tailnet: %w", errors.Unwrap(err))
	}
	transport.Proxy = http.ProxyURL(proxy)
	return client, nil
}

func stsMissing(j job) *diag.Problem {
	if j.STS == "" {
		return noToken("nothing says where the token service is", "give its address:\n  sts-url: https://sts.TAILNET.ts.net", nil)
	}
	return nil
}

// STSTarget is the host:port of a token service's address, or what is wrong
// with it. On the tailnet connections are encrypted anyway, so a tailnet's own
// names and addresses may be http://.
func STSTarget(address string) (string, error) {
	u, err := url.Parse(address)
	usual := ""
	if err == nil {
		usual = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	switch {
	case usual == "" || u.Host == "" || u.User != nil || u.RawQuery+u.Fragment != "":
		return "", diag.Input("sts-url is no address of a token service", "write https://HOST, without /token")
	case u.Scheme == "http" && !isNear(address) && !onTailnet(u.Hostname()):
		return "", diag.Input("sts-url: plain http:// would show the token to the network",
			"only a name that ends with .ts.net, or an address of the tailnet, may be http://", diag.Fact{Name: "host", Value: u.Host})
	}
	return net.JoinHostPort(u.Hostname(), cmp.Or(u.Port(), usual)), nil
}

// What addresses and names of a tailnet are.
// Source: tailscale.com/net/tsaddr.
var (
	tailnet4 = netip.MustParsePrefix("100.64.0.0/10")
	tailnet6 = netip.MustParsePrefix("fd7a:115c:a1e0::/48")
)

func onTailnet(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return tailnet4.Contains(ip) || tailnet6.Contains(ip)
	}
	return strings.HasSuffix(strings.TrimSuffix(host, "."), ".ts.net")
}
