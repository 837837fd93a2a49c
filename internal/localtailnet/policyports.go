package localtailnet

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"tailscale.com/tailcfg"
)

// protocols are those that have a name in a policy file, by their numbers.
// icmp is ICMP for IPv4 only: Tailscale does not add 58, even if the destination
// is an IPv6 address.
var protocols = map[string][]int{
	"tcp": {6}, "udp": {17}, "sctp": {132}, "icmp": {1}, "ipv6-icmp": {58},
	"igmp": {2}, "ipv4": {4}, "ip-in-ip": {4}, "egp": {8}, "igp": {9}, "gre": {47}, "esp": {50}, "ah": {51},
}

// withPorts are the protocols that have ports.
var withPorts = []int{6, 17, 132}

var everyPort = []tailcfg.PortRange{tailcfg.PortRangeAny}

var capabilityName = regexp.MustCompile(`^[a-zA-Z0-9-]+(\.[a-zA-Z0-9-]+)+/[^\s]+$`)

// access reads an element of a grant's ip: *, 443, 80-90, tcp:443, icmp:*.
func (r *policyReader) access(w word) access {
	if strings.Count(w.text, ":") > 1 {
		r.refuse("ip=%q: expected only one colon in Internet protocol and port type", w.text)
		return access{}
	}
	proto, ports, both := strings.Cut(w.text, ":")
	if !both {
		proto, ports = "", w.text
	}
	a, err := parseAccess(proto, ports)
	if err != nil {
		r.refuse("%v", err)
	}
	return a
}

// destination reads an element of an acl's dst: what, a colon, ports.
func (r *policyReader) destination(w, proto word) destination {
	i := strings.LastIndexByte(w.text, ':')
	if i < 0 {
		r.refuse("dst=%q: missing port", w.text)
		return destination{}
	}
	what := strings.TrimSuffix(strings.TrimPrefix(w.text[:i], "["), "]")
	a, err := parseAccess(proto.text, w.text[i+1:])
	if err != nil {
		r.refuse("dst=%q: %v", w.text, err)
	}
	return destination{word{what, w.at}, []access{a}}
}

func parseAccess(proto, ports string) (a access, err error) {
	if a.protos, err = parseProtocol(proto); err != nil {
		return a, err
	}
	if a.ports, err = parsePorts(ports); err != nil {
		return a, err
	}
	portless := slices.ContainsFunc(a.protos, func(p int) bool { return !slices.Contains(withPorts, p) })
	if portless && !slices.Equal(a.ports, everyPort) {
		return a, fmt.Errorf("protocol %q does not support specific ports: use \"*\"", proto)
	}
	return a, nil
}

// parseProtocol reads a name or a number; "" is TCP, UDP and ICMP.
func parseProtocol(proto string) ([]int, error) {
	if proto == "" {
		return nil, nil
	}
	if numbers, ok := protocols[strings.ToLower(proto)]; ok {
		return numbers, nil
	}
	n, err := strconv.ParseUint(proto, 10, 8)
	switch {
	case err != nil || n == 0:
		return nil, fmt.Errorf("unknown protocol %q", proto)
	case proto[0] == '0':
		return nil, fmt.Errorf("leading 0 not permitted in protocol number %q", proto)
	}
	return []int{int(n)}, nil
}

// parsePorts reads *, or ports and ranges with commas between them.
func parsePorts(text string) (ranges []tailcfg.PortRange, err error) {
	if text == "*" {
		return everyPort, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, err := strconv.ParseUint(first, 10, 16)
		if err != nil {
			return nil, fmt.Errorf("port range %q: invalid first integer", part)
		}
		if a == 0 {
			return nil, fmt.Errorf("port range %q: first port must be >0, or use '*' for wildcard", part)
		}
		b, err := strconv.ParseUint(last, 10, 16)
		if err != nil || b < a {
			return nil, fmt.Errorf("port range %q: invalid last integer", part)
		}
		ranges = append(ranges, tailcfg.PortRange{First: uint16(a), Last: uint16(b)})
	}
	return ranges, nil
}
