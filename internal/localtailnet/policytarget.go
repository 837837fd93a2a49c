package localtailnet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// The kinds of target. All but the last four stand before a colon in the text.
const (
	kindTag       = "tag"
	kindGroup     = "group"
	kindAutogroup = "autogroup"
	kindIPSet     = "ipset"
	kindNamedHost = "host"
	kindService   = "svc"
	kindDomain    = "user" // user:*@example.com
	kindEverybody = "*"
	kindLogin     = "login name"
	kindAddresses = "address"
	kindHost      = "host name"
)

var prefixedKinds = []string{kindTag, kindGroup, kindAutogroup, kindIPSet, kindNamedHost, kindService, kindDomain}

// A target is who or what a word of a policy file means.
// Source: https://tailscale.com/docs/reference/targets-and-selectors.
type target struct {
	word
	kind   string
	prefix netip.Prefix // of an address
}

func (w word) target() target {
	t := target{word: w}
	before, _, _ := strings.Cut(w.text, ":")
	prefix, err := parseAddresses(w.text)
	switch {
	case w.text == "*":
		t.kind = kindEverybody
	case before != w.text && slices.Contains(prefixedKinds, before):
		t.kind = before
	case err == nil:
		t.kind, t.prefix = kindAddresses, prefix
	case strings.Contains(w.text, "@"):
		t.kind = kindLogin
	default:
		t.kind = kindHost
	}
	return t
}

// name is what stands after the colon.
func (t target) name() string {
	_, name, _ := strings.Cut(t.text, ":")
	return name
}

// parseAddresses reads an address or a CIDR.
func parseAddresses(text string) (netip.Prefix, error) {
	if !strings.Contains(text, "/") {
		addr, err := netip.ParseAddr(text)
		if err != nil || addr.Zone() != "" {
			return netip.Prefix{}, fmt.Errorf("%q is no IP address", text)
		}
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	prefix, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return netip.Prefix{}, fmt.Errorf("%q is no CIDR", text)
	case prefix != prefix.Masked():
		return netip.Prefix{}, fmt.Errorf("%q has bits set after its mask: %v", text, prefix.Masked())
	}
	return prefix, nil
}

// The autogroups, by what they are groups of.
var (
	roleAutogroups   = []string{"owner", "admin", "network-admin", "it-admin", "billing-admin", "auditor"}
	peopleAutogroups = append([]string{"member", "members"}, roleAutogroups...)
	sourceAutogroups = append([]string{"tagged", "shared", "danger-all"}, peopleAutogroups...)
	targetAutogroups = append([]string{"tagged", "self", "internet"}, peopleAutogroups...)
)
