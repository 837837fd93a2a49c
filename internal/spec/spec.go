// Package spec is what a job may ask of a tailnet, and in which words. It is
// pure: no file, no network, no clock. Its errors are problems with the input.
package spec

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tailjoin/tailjoin/internal/diag"
	"tailscale.com/tailcfg"
	"tailscale.com/util/dnsname"
)

// List splits a comma-separated input. Empty items do not count.
func List(value string) []string {
	var items []string
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// Tags reads a comma-separated list of tags such as "tag:ci,tag:deploy". As for
// `tailscale up`, the prefix may be left out: "ci".
func Tags(value string) ([]string, error) {
	tags := List(value)
	for i, tag := range tags {
		if !strings.Contains(tag, ":") {
			tags[i] = "tag:" + tag
		}
		if err := tailcfg.CheckTag(tags[i]); err != nil {
			return nil, diag.Input(fmt.Sprintf("%q is not a tag", tag),
				"a tag is written tag:name, with letters, digits and hyphens, as in the tailnet policy:\n  tags: \"tag:ci,tag:deploy\"",
				diag.Fact{Name: "because", Value: err.Error()})
		}
	}
	slices.Sort(tags)
	return slices.Compact(tags), nil
}

// Hostname checks a name that the user chose, as `tailscale up` does. The control
// server makes a hyphen of a dot in it.
func Hostname(name string) error {
	if err := dnsname.ValidHostname(name); err != nil {
		return diag.Input(fmt.Sprintf("hostname %q is not a DNS name", name),
			"use letters, digits and hyphens, 63 at most between two dots, for instance "+Label(name),
			diag.Fact{Name: "because", Value: err.Error()})
	}
	return nil
}

// longestHostname is where tailscale/github-action cuts its input.
const longestHostname = 63

// CutHostname cuts a name that is too long for a DNS label. It reports whether it did.
func CutHostname(name string) (cut string, wasLonger bool) {
	if len(name) <= longestHostname {
		return name, false
	}
	return strings.TrimRight(name[:longestHostname], "-."), true
}

// Label makes a DNS label of any text: what nobody chose is not refused.
func Label(text string) string {
	text = strings.NewReplacer("_", "-", ".", "-", "/", "-").Replace(text)
	if label := dnsname.SanitizeLabel(text); label != "" {
		return label
	}
	return "job"
}

// Peers reads a comma-separated list of peers, by name or address.
func Peers(value string) ([]string, error) {
	peers := List(value)
	for _, peer := range peers {
		if _, err := netip.ParseAddr(peer); err != nil && dnsname.ValidHostname(peer) != nil {
			return nil, diag.Input(fmt.Sprintf("ping %q is neither the name of a peer nor an address", peer),
				"name peers, without a port; for a port there is wait-for:\n  ping: \"my-server,100.101.102.103\"")
		}
	}
	return peers, nil
}

var errServer = errors.New("an address such as https://host or http://host:port is wanted")

// Server checks the address of a server.
func Server(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return errServer
	}
	return nil
}

// Targets reads a comma-separated list of host:port.
func Targets(value string) ([]string, error) {
	targets := List(value)
	for _, target := range targets {
		host, port, err := net.SplitHostPort(target)
		if number, bad := strconv.Atoi(port); err != nil || bad != nil || host == "" || number < 1 || number > 65535 {
			return nil, diag.Input(fmt.Sprintf("wait-for %q is not host:port", target),
				"name a TCP port that the job will use:\n  wait-for: \"my-server:443,10.0.0.5:22\"")
		}
	}
	return targets, nil
}

// An Attributed is a credential with attributes behind it, in the form that
// `tailscale up` takes: "ID?ephemeral=true&preauthorized=true".
type Attributed struct {
	Value         string
	Ephemeral     bool   // true unless it says false
	Preauthorized bool   // true unless it says false
	BaseURL       string // of the API; "" is the default
}

// Attributes reads them. Both booleans default to true, each by itself:
// Tailscale's own client turns ephemeral off as soon as the other is named.
func Attributes(name, value string) (Attributed, error) {
	a := Attributed{Value: value, Ephemeral: true, Preauthorized: true}
	bare, query, found := strings.Cut(value, "?")
	if !found {
		return a, nil
	}
	a.Value = bare
	values, err := url.ParseQuery(query)
	if err != nil {
		return a, badAttribute(name, query)
	}
	for key, list := range values {
		if err := a.set(key, list[len(list)-1]); err != nil {
			return a, badAttribute(name, key)
		}
	}
	return a, nil
}

func (a *Attributed) set(key, value string) (err error) {
	switch key {
	case "ephemeral":
		a.Ephemeral, err = strconv.ParseBool(value)
	case "preauthorized":
		a.Preauthorized, err = strconv.ParseBool(value)
	case "baseURL":
		a.BaseURL = value
	default:
		err = strconv.ErrSyntax
	}
	return err
}

func badAttribute(name, what string) error {
	return diag.Input(fmt.Sprintf("%s has an attribute that tailjoin does not know or cannot read: %q", name, what),
		"known are ephemeral=true|false, preauthorized=true|false and, behind an OAuth secret, baseURL=https://…")
}
