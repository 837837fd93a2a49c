package policyfile

import (
	"net/netip"
	"sort"
	"strings"
)

// An address is 4 or 6 and the bytes of an IP address: in their order, IPv4
// first.
type address string

// A block is a range of addresses, both ends included.
type block struct{ from, to address }

func addressOf(a netip.Addr) address {
	if a.Is4() {
		return address("4" + string(a.AsSlice()))
	}
	return address("6" + string(a.AsSlice()))
}

func (a address) String() string {
	ip, _ := netip.AddrFromSlice([]byte(a[1:]))
	return ip.String()
}

// step is the next address, or with -1 the one before: 255 more, with a carry.
// After the last one comes something that is no address and greater than it.
func (a address) step(by byte) address {
	b := []byte(a)
	for i := len(b) - 1; ; i-- {
		b[i] += by
		if carry := b[i] == 0 && by == 1 || b[i] == 255 && by == 255; !carry || i == 0 {
			return address(b)
		}
	}
}

// parseBlock reads an address, a CIDR, or two addresses with a hyphen between.
func parseBlock(s string) (block, bool) {
	s = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")
	if p, err := netip.ParsePrefix(s); err == nil {
		return blockOf(p.Masked()), true
	}
	first, last, isRange := strings.Cut(s, "-")
	if !isRange {
		last = first
	}
	a, err := netip.ParseAddr(first)
	b, err2 := netip.ParseAddr(last)
	if err != nil || err2 != nil || a.Zone() != "" || b.Zone() != "" {
		return block{}, false
	}
	all := block{addressOf(a), addressOf(b)}
	return all, all.from <= all.to && a.Is4() == b.Is4()
}

func blockOf(p netip.Prefix) block {
	last := []byte(addressOf(p.Addr()))
	for bit := 8 + p.Bits(); bit < 8*len(last); bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	return block{addressOf(p.Addr()), address(last)}
}

// String is the shortest way to write a block.
func (b block) String() string {
	from, _ := netip.AddrFromSlice([]byte(b.from[1:]))
	for bits := from.BitLen(); bits >= 0; bits-- {
		if p := netip.PrefixFrom(from, bits); p.Masked() == p && blockOf(p) == b {
			if p.IsSingleIP() {
				return from.String()
			}
			return p.String()
		}
	}
	return b.from.String() + "-" + b.to.String()
}

// cut makes ranges of which each lies in or out of every block, in order. What
// is in none is not there.
func cut(blocks []block) (cells []block) {
	var ends []address // where something begins or has just ended
	for _, b := range blocks {
		ends = append(ends, b.from, b.to.step(1))
	}
	sort.Slice(ends, func(i, j int) bool { return ends[i] < ends[j] })
	for i, from := range ends {
		if i+1 == len(ends) || from == ends[i+1] {
			continue
		}
		for _, b := range blocks {
			if b.from <= from && from <= b.to {
				cells = append(cells, block{from, ends[i+1].step(255)})
				break
			}
		}
	}
	return cells
}
