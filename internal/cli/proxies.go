package cli

import (
	"os"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/ci"
	"github.com/tailjoin/tailjoin/internal/join"
)

// A variable is one of the environment's.
type variable struct{ name, value string }

// local are hosts that no proxy is needed for.
const local = "localhost,127.0.0.1,::1"

// proxyVariables have programs reach the tailnet by the daemon's proxies, if it
// has no network interface. curl reads http_proxy in lower case only, others
// read upper case only.
func (f *front) proxyVariables(r join.Result) (all []variable) {
	if r.Proxy == "" {
		return nil
	}
	socks, http := proxy("socks5h")(r), proxy("http")(r)
	for _, v := range []variable{{"ALL_PROXY", socks}, {"HTTP_PROXY", http}, {"HTTPS_PROXY", http}, {"NO_PROXY", f.noProxy()}} {
		all = append(all, v, variable{strings.ToLower(v.name), v.value})
	}
	return append(all, variable{ci.OutputVariable("socks5-proxy"), socks}, variable{ci.OutputVariable("http-proxy"), http})
}

// noProxy keeps what the job named itself: the hosts of its services, for one.
func (f *front) noProxy() string {
	theirs := f.env("NO_PROXY")
	if theirs == "" {
		theirs = f.env("no_proxy")
	}
	if theirs == "" || strings.HasPrefix(theirs, local) {
		return local + strings.TrimPrefix(theirs, local)
	}
	return local + "," + theirs
}

// setProxiesAside: proxies that an earlier join gave this job are not for us,
// nor for what we start. They end with its daemon, which may have ended.
func (f *front) setProxiesAside() {
	ours := []string{f.env(ci.OutputVariable("socks5-proxy")), f.env(ci.OutputVariable("http-proxy"))}
	for _, name := range []string{"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy"} {
		if value := f.env(name); value != "" && slices.Contains(ours, value) {
			f.proxies = append(f.proxies, name)
			os.Unsetenv(name) // net/http asks nobody but the process
		}
	}
	f.Environ = without(f.Environ, f.proxies...)
	f.env = lookup(f.Environ)
}

// endProxies takes them from later steps, since their daemon has ended.
func (f *front) endProxies(in *inputs) error {
	if f.proxies == nil {
		return nil
	}
	if err := f.openEnvFile(in); err != nil {
		return err
	}
	for _, name := range append(f.proxies, ci.OutputVariable("socks5-proxy"), ci.OutputVariable("http-proxy")) {
		if err := f.job.Variable(name, ""); err != nil {
			return err
		}
	}
	return nil
}

// without is an environment that lacks some variables.
func without(environ []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(names, name)
	})
}
