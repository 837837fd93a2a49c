package policyfile

import (
	"encoding/binary"
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// Protocols have the numbers that IANA gives them.
const (
	icmp = 1
	tcp  = 6
	udp  = 17
	sctp = 132

	icmp6 = 58
)

var protocols = []struct {
	name   string
	number uint8
}{
	{"icmp", icmp}, {"igmp", 2}, {"ipv4", 4}, {"ip-in-ip", 4}, {"tcp", tcp}, {"egp", 8}, {"igp", 9}, {"udp", udp},
	{"gre", 47}, {"esp", 50}, {"ah", 51}, {"sctp", sctp},
}

// A reach is a set of ports of protocols: spans of protocol<<16 | port, in
// order, that do not touch. A protocol without ports is there with all of them.
//
// Where anything is open between two nodes they may ping each other, so ICMP is
// in every reach that is not empty.
type reach []span

type span struct{ from, to uint32 }

func ports(protocol uint8, from, to uint16) span {
	return span{uint32(protocol)<<16 | uint32(from), uint32(protocol)<<16 | uint32(to)}
}

func allOf(protocol uint8) span { return ports(protocol, 0, 0xffff) }

// reachOf orders spans and joins those that touch.
func reachOf(spans ...span) (r reach) {
	sort.Slice(spans, func(i, j int) bool { return spans[i].from < spans[j].from })
	for _, s := range spans {
		if last := len(r) - 1; last >= 0 && s.from <= r[last].to+1 {
			r[last].to = max(r[last].to, s.to)
			continue
		}
		r = append(r, s)
	}
	return r
}

// without needs both in order, as they are: it looks at each span once.
func (r reach) without(other reach) (left reach) {
	for _, s := range r {
		for len(other) > 0 && other[0].to < s.from {
			other = other[1:]
		}
		for _, o := range other {
			if o.from > s.to || s.from > s.to {
				break
			}
			if o.from > s.from {
				left = append(left, span{s.from, o.from - 1})
			}
			s.from = o.to + 1
		}
		if s.from <= s.to {
			left = append(left, s)
		}
	}
	return left
}

// news is what is worth saying: ICMP only where it comes alone.
func (r reach) news() reach {
	if more := r.without(reach{allOf(icmp)}); len(more) > 0 {
		return more
	}
	return r
}

func (r reach) touches(other reach) bool {
	for len(r) > 0 && len(other) > 0 {
		switch {
		case r[0].to < other[0].from:
			r = r[1:]
		case other[0].to < r[0].from:
			other = other[1:]
		default:
			return true
		}
	}
	return false
}

// of are the ports of a protocol.
func (r reach) of(protocol uint8) (all reach) {
	whole := allOf(protocol)
	for _, s := range r {
		if s.from <= whole.to && whole.from <= s.to {
			all = append(all, span{max(s.from, whole.from) & 0xffff, min(s.to, whole.to) & 0xffff})
		}
	}
	return all
}

// words says a reach as a grant does: * and 443 are TCP and UDP, tcp:443 is TCP
// only. That ICMP comes with them goes without saying.
func (r reach) words() (all []string) {
	t, u := r.of(tcp), r.of(udp)
	onlyTCP, onlyUDP := t.without(u), u.without(t)
	all = portWords(all, "", t.without(onlyTCP))
	all = portWords(all, "tcp:", onlyTCP)
	all = portWords(all, "udp:", onlyUDP)
	for _, p := range r.protocols() {
		if p != tcp && p != udp && p != icmp {
			all = portWords(all, protocolName(p)+":", r.of(p))
		}
	}
	if len(all) == 0 {
		all = portWords(all, "icmp:", r.of(icmp))
	}
	return all
}

// protocols are those that the reach has ports of, in order.
func (r reach) protocols() (all []uint8) {
	next := uint32(0)
	for _, s := range r {
		for p := max(next, s.from>>16); p <= s.to>>16; p++ {
			all = append(all, uint8(p))
			next = p + 1
		}
	}
	return all
}

func portWords(all []string, protocol string, r reach) []string {
	for _, s := range r {
		word := fmt.Sprintf("%s%d-%d", protocol, s.from, s.to)
		switch {
		case s.from == 0 && s.to == 0xffff:
			word = protocol + "*"
		case s.from == s.to:
			word = protocol + fmt.Sprint(s.from)
		}
		all = append(all, word)
	}
	return all
}

// protocolName is the number if there is no name.
func protocolName(number uint8) string {
	for _, p := range protocols {
		if p.number == number {
			return p.name
		}
	}
	return fmt.Sprint(number)
}

// parseProtocol reads a name or a number. Both versions of ICMP are one here,
// since what lets one in lets in the other.
func parseProtocol(s string) (uint8, bool) {
	for _, p := range protocols {
		if strings.EqualFold(p.name, s) {
			return p.number, true
		}
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if n == icmp6 {
		n = icmp
	}
	return uint8(n), err == nil && n > 0
}

// parsePorts reads ports: *, 443, 80,443, 80-90. "" as a protocol is TCP and UDP.
func parsePorts(protocol, list string) (reach, bool) {
	of := []uint8{tcp, udp}
	if protocol != "" {
		p, ok := parseProtocol(protocol)
		if !ok {
			return nil, false
		}
		of = []uint8{p}
	}
	spans := []span{allOf(icmp)}
	for _, one := range strings.Split(list, ",") {
		from, to, ok := parseRange(one)
		if !ok {
			return nil, false
		}
		for _, p := range of {
			if !(from == 0 && to == 0xffff) && p != tcp && p != udp && p != sctp {
				return nil, false // it has no ports
			}
			spans = append(spans, ports(p, from, to))
		}
	}
	return reachOf(spans...), true
}

func parseRange(s string) (from, to uint16, ok bool) {
	if s == "*" {
		return 0, 0xffff, true
	}
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	a, err := strconv.ParseUint(first, 10, 16)
	b, err2 := strconv.ParseUint(last, 10, 16)
	return uint16(a), uint16(b), err == nil && err2 == nil && a <= b
}

// key is the reach as a map's key.
func (r reach) key() string {
	var b []byte
	for _, s := range r {
		b = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(b, s.from), s.to)
	}
	return string(b)
}
