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

// standardProxies are the variables by which programs find a proxy. curl reads
// http_proxy in lower case only, others read upper case only.
var standardProxies = []string{"ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy"}

// These variables say at a later leave which NO_PROXY the join set, and what was
// there before, in upper and in lower case.
const (
	joinedNoProxy   = "TAILJOIN_NO_PROXY"
	previousNoProxy = "TAILJOIN_PREVIOUS_NO_PROXY"
	previousInLower = "TAILJOIN_PREVIOUS_NO_PROXY_LOWER"
)

var noProxies = []struct{ name, previous string }{{"NO_PROXY", previousNoProxy}, {"no_proxy", previousInLower}}

// proxyVariables have programs reach the tailnet by the daemon's proxies, if it
// has no network interface. A machine that has a proxy keeps it: without that,
// nothing outside of the tailnet could be reached.
func (f *front) proxyVariables(r join.Result) (all []variable) {
	if r.Proxy == "" {
		return nil
	}
	socks, http := proxy("socks5h")(r), proxy("http")(r)
	all = []variable{{ci.OutputVariable("socks5-proxy"), socks}, {ci.OutputVariable("http-proxy"), http}}
	if f.machineProxy() != "" {
		return all
	}
	for _, name := range standardProxies {
		value := http
		if strings.EqualFold(name, "ALL_PROXY") {
			value = socks
		}
		all = append(all, variable{name, value})
	}
	all = append(all, variable{joinedNoProxy, f.noProxy()})
	for _, v := range noProxies {
		all = append(all, variable{v.name, f.noProxy()}, variable{v.previous, f.env(v.name)})
	}
	return all
}

// machineProxy is the variable by which this machine has a proxy of its own, ""
// if it has none.
func (f *front) machineProxy() string {
	for _, name := range standardProxies {
		if f.env(name) != "" {
			return name
		}
	}
	return ""
}

// warnOfMachineProxy says how to reach the tailnet where the machine's proxy is
// kept.
func (f *front) warnOfMachineProxy(r join.Result) {
	if name := f.machineProxy(); name != "" && r.Proxy != "" {
		f.log("").Warn(name + " names a proxy of this machine, which is kept. Commands that are to reach the tailnet need the proxy in " +
			ci.OutputVariable("http-proxy") + ": curl --proxy \"$" + ci.OutputVariable("http-proxy") + "\" http://my-server/")
	}
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
// nor for what we start. They end with its daemon, which may have ended. What
// was there before the join holds for us, too.
func (f *front) setProxiesAside() {
	ours := []string{f.env(ci.OutputVariable("socks5-proxy")), f.env(ci.OutputVariable("http-proxy"))}
	for _, name := range standardProxies {
		if value := f.env(name); value != "" && slices.Contains(ours, value) {
			f.proxies = append(f.proxies, variable{name, ""})
		}
	}
	for _, v := range noProxies {
		if value := f.env(v.name); value != "" && value == f.env(joinedNoProxy) {
			f.proxies = append(f.proxies, variable{v.name, f.env(v.previous)})
		}
	}
	for _, v := range f.proxies { // net/http looks at the process's environment only
		f.Environ = without(f.Environ, v.name)
		os.Unsetenv(v.name)
		if v.value != "" {
			f.Environ = append(f.Environ, v.name+"="+v.value)
			os.Setenv(v.name, v.value)
		}
	}
	f.env = lookup(f.Environ)
}

// endProxies gives later steps what they had before the join, since its daemon
// has ended.
func (f *front) endProxies(in *inputs) error {
	if f.proxies == nil {
		return nil
	}
	if err := f.openEnvFile(in); err != nil {
		return err
	}
	ended := slices.Clone(f.proxies)
	for _, name := range []string{ci.OutputVariable("socks5-proxy"), ci.OutputVariable("http-proxy"), joinedNoProxy, previousNoProxy, previousInLower} {
		ended = append(ended, variable{name, ""})
	}
	for _, v := range ended {
		if err := f.job.Variable(v.name, v.value); err != nil {
			return err
		}
	}
	return nil
}
