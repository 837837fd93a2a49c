package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// A proxySetting is one variable that names a proxy.
type proxySetting struct {
	name string
	url  *url.URL // nil if it cannot be read
}

func (r *Request) proxies() (all []proxySetting) {
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		if value := r.Env(name); value != "" {
			all = append(all, proxySetting{name, parseProxy(value)})
		}
	}
	return all
}

// parseProxy takes host:port, too, as most programs do.
func parseProxy(value string) *url.URL {
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Hostname() == "" {
		return nil
	}
	return u
}

// proxy connects to each proxy that the environment names.
func (r *Request) proxy(ctx context.Context) Check {
	const name = "proxy"
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	all := r.proxies()
	if len(all) == 0 {
		return ok(name, "the environment names none")
	}
	var shown []string
	for _, p := range all {
		if p.url == nil {
			return Check{Name: name, Result: Failed, Finding: p.name + " is no address of a proxy", Hint: "write http://HOST:PORT"}
		}
		if err := connect(ctx, p.url); err != nil {
			return failed(name, fmt.Errorf("%s: nobody answers at %s: %s", p.name, p.url.Host, reason(err)),
				"unset the variable, or start the proxy; it may be that of a join that has ended")
		}
		shown = append(shown, p.name+"="+p.url.Scheme+"://"+p.url.Host) // what is before the host may be a password
	}
	if lower, upper := r.Env("https_proxy"), r.Env("HTTPS_PROXY"); lower != "" && upper != "" && lower != upper {
		return warning(name, strings.Join(shown, ", "), "HTTPS_PROXY and https_proxy differ: programs will not agree on one")
	}
	return Check{Name: name, Result: Note, Finding: strings.Join(shown, ", "),
		Hint: "tailjoin and tailscaled use it. UDP does not pass it, so traffic goes by relays. Hosts in NO_PROXY are exempt"}
}

var proxyPorts = map[string]string{"http": "80", "https": "443", "socks5": "1080", "socks5h": "1080"}

var errPort = errors.New("it has no port")

func connect(ctx context.Context, u *url.URL) error {
	port := cmp.Or(u.Port(), proxyPorts[u.Scheme])
	if port == "" {
		return errPort
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), port))
	if err != nil {
		return err
	}
	return conn.Close()
}
