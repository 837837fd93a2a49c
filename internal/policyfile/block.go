package policyfile

import (
	"maps"
	"net/netip"
	"slices"
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
	switch bits := b.prefix(); {
	case bits == from.BitLen():
		return from.String()
	case bits >= 0:
		return netip.PrefixFrom(from, bits).String()
	}
	return b.from.String() + "-" + b.to.String()
}

// prefix is how many bits all addresses of the block share, or -1 if the block
// is not all addresses that share them.
func (b block) prefix() int {
	shared, host := 0, false
	for i := 1; i < len(b.from); i++ {
		for bit := byte(0x80); bit > 0; bit >>= 1 {
			from, to := b.from[i]&bit != 0, b.to[i]&bit != 0
			switch {
			case !host && from == to:
				shared++
			case from || !to:
				return -1
			default:
				host = true
			}
		}
	}
	return shared
}

// cut splits the blocks into disjoint, ordered ranges; each is fully inside or
// outside every block. What is in no block is left out.
func cut(blocks []block) (cells []block) {
	depth := map[address]int{} // how many more blocks there are from here on
	for _, b := range blocks {
		depth[b.from]++
		depth[b.to.step(1)]--
	}
	ends := slices.Sorted(maps.Keys(depth))
	inside := 0
	for i, from := range ends {
		if inside += depth[from]; inside > 0 {
			cells = append(cells, block{from, ends[i+1].step(255)})
		}
	}
	return cells
}
