package tailscaled

import (
	"net/url"
	"strings"

	"tailscale.com/ipn"
)

// IsTailscales reports whether a login server is Tailscale's own: "" is.
func IsTailscales(server string) bool {
	if server == "" || ipn.IsLoginServerSynonym(strings.TrimSuffix(server, "/")) {
		return true
	}
	u, err := url.Parse(server)
	return err == nil && strings.HasSuffix(u.Hostname(), ".tailscale.com")
}

// Console is a page of Tailscale's admin console, or the login server itself if
// another server has the tailnet.
func Console(server, page string) string {
	if IsTailscales(server) {
		return page
	}
	return "see the control server " + server
}
