package cli

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/tailjoin/tailjoin/internal/join"
	"github.com/tailjoin/tailjoin/internal/markdown"
)

// outputs are what later steps may read, in the order of the docs.
var outputs = []struct {
	name, description string
	value             func(join.Result) string
}{
	{"node-id", "ID of the node, as Tailscale's API knows it", func(r join.Result) string { return r.Node.ID }},
	{"name", "full name of the node", func(r join.Result) string { return r.Node.Name }},
	{"hostname", "name of the node without the tailnet's", func(r join.Result) string { return r.Node.Hostname }},
	{"ipv4", "IPv4 address on the tailnet", func(r join.Result) string { return r.Node.IPv4 }},
	{"ipv6", "IPv6 address on the tailnet", func(r join.Result) string { return r.Node.IPv6 }},
	{"tailnet", "name of the tailnet", func(r join.Result) string { return r.Node.Tailnet }},
	{"magicdns-suffix", "what MagicDNS names end with", func(r join.Result) string { return r.Node.Suffix }},
	{"network", "tun: every process reaches the tailnet; userspace: by the proxies only", network},
	{"socket", "socket of the daemon: tailscale --socket=…", func(r join.Result) string { return r.Socket }},
	{"socks5-proxy", "address of the SOCKS5 proxy, without a network interface", proxy("socks5h")},
	{"http-proxy", "address of the HTTP proxy, without a network interface", proxy("http")},
	{"version", "version of tailscaled", func(r join.Result) string { return r.Binary.Version }},
	{"milliseconds", "time of each phase, as JSON", milliseconds},
}

func network(r join.Result) string {
	if r.TUN {
		return "tun"
	}
	return "userspace"
}

func proxy(scheme string) func(join.Result) string {
	return func(r join.Result) string {
		if r.Proxy == "" {
			return ""
		}
		return scheme + "://" + r.Proxy
	}
}

func milliseconds(r join.Result) string {
	ms := map[string]float64{}
	for _, p := range r.Phases {
		ms[p.Name] = float64(p.Duration.Microseconds()) / 1000
	}
	text, _ := json.Marshal(ms) // of a map of numbers: cannot fail
	return string(text)
}

// summary is what the job's page shows: the node, who it was let in as, and
// what took how long.
func summary(r join.Result) string {
	var b strings.Builder
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "| %s | %s |\n", name, markdown.Code(value))
		}
	}
	fmt.Fprintf(&b, "### Joined %s\n\n| | |\n| --- | --- |\n", markdown.Code(r.Node.Tailnet))
	row("node", r.Node.Name)
	row("addresses", strings.TrimSpace(r.Node.IPv4+" "+r.Node.IPv6))
	row("tags", strings.Join(r.Node.Tags, " "))
	row("identity", r.Claims.Subject)
	row("issuer", r.Claims.Issuer)
	row("network", network(r))
	row("tailscaled", r.Binary.Version+" ("+r.Binary.Source+")")
	b.WriteString("\n| phase | ms |\n| --- | ---: |\n")
	for _, p := range r.Phases {
		fmt.Fprintf(&b, "| %s | %.1f |\n", p.Name, float64(p.Duration.Microseconds())/1000)
	}
	return b.String()
}
