package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// tailnetResolver is where a tailscaled with a network interface answers.
const tailnetResolver = "100.100.100.100"

// dns resolves the names of the servers that a join speaks to.
func (r *Request) dns(ctx context.Context) Check {
	const name = "dns"
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	resolvers := nameservers()
	by := "by " + cmp.Or(strings.Join(resolvers, ", "), "the system's resolver")
	addresses := []string{r.Control}
	if !r.AuthKey {
		addresses = []string{r.address(), r.Control}
	}
	hosts := hostsOf(addresses...)
	if len(hosts) == 0 {
		return skipped(name, "the servers are given by address; names are resolved "+by)
	}
	began := time.Now()
	for _, host := range hosts {
		if _, err := net.DefaultResolver.LookupHost(ctx, host); err != nil {
			return r.unresolved(host, by, resolvers, err)
		}
	}
	took := time.Since(began).Round(time.Millisecond)
	if !slices.ContainsFunc(hosts, func(host string) bool { return !inHostsFile(host) }) {
		by = "by " + hostsFile
	}
	return ok(name, fmt.Sprintf("%s: resolved %s (%v)", strings.Join(hosts, ", "), by, took))
}

const hostsFile = "/etc/hosts"

// inHostsFile reports whether a file has the address of a host, so that no server
// is asked for it.
func inHostsFile(host string) bool {
	raw, _ := os.ReadFile(hostsFile)
	for line := range strings.Lines(string(raw)) {
		line, _, _ = strings.Cut(line, "#")
		isHost := func(name string) bool { return strings.EqualFold(name, host) }
		if words := strings.Fields(line); len(words) > 1 && slices.ContainsFunc(words[1:], isHost) {
			return true
		}
	}
	return false
}

func (r *Request) unresolved(host, by string, resolvers []string, err error) Check {
	c := failed("dns", fmt.Errorf("%s is not resolved %s: %s", host, by, reason(err)), "see the resolver of this machine: "+resolverSettings())
	if slices.Contains(resolvers, tailnetResolver) {
		c.Hint = "the resolver is that of a tailscaled. If none runs, one was killed and left it: run `tailscaled --cleanup` as root, or restore /etc/resolv.conf"
	}
	if len(r.proxies()) > 0 { // which resolve names themselves
		c.Result = Warning
	}
	return c
}

// resolverSettings is where the resolver's addresses are found.
func resolverSettings() string {
	if runtime.GOOS == "windows" {
		return "ipconfig /all"
	}
	return "/etc/resolv.conf"
}

// hostsOf are the names, not addresses, in some URLs.
func hostsOf(addresses ...string) (hosts []string) {
	for _, address := range addresses {
		u, err := url.Parse(address)
		if err != nil {
			continue
		}
		host := u.Hostname()
		if _, err := netip.ParseAddr(host); err != nil && host != "" && !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// nameservers are those of resolv.conf; none where there is no such file.
func nameservers() (servers []string) {
	raw, err := os.ReadFile("/etc/resolv.conf")
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(raw)) {
		if words := strings.Fields(line); len(words) > 1 && words[0] == "nameserver" {
			servers = append(servers, words[1])
		}
	}
	return servers
}
