package policyfile

import (
	"encoding/binary"
	"iter"
	"math/bits"
	"slices"
)

// A set is one of small numbers, a bit for each.
type set []uint64

//go:noinline
func newSet(size int) set { return make(set, (size+63)/64) }

func (s set) add(i int)      { s[i/64] |= 1 << (i % 64) }
func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

//go:noinline
func (s set) addAll(other set) {
	for i := range other {
		s[i] |= other[i]
	}
}

//go:noinline
func (s set) without(other set) set {
	left := slices.Clone(s)
	for i := range other {
		left[i] &^= other[i]
	}
	return left
}

// common is what two sets share.
func (s set) common(other set) set { return s.without(s.without(other)) }

//go:noinline
func (s set) empty() bool { return !slices.ContainsFunc(s, func(w uint64) bool { return w != 0 }) }

func (s set) within(other set) bool { return s.without(other).empty() }

func (s set) len() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

func (s set) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range s {
			for ; w != 0; w &= w - 1 {
				if !yield(i*64 + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}

// key is the set as a map's key.
func (s set) key() string {
	b := make([]byte, 0, 8*len(s))
	for _, w := range s {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return string(b)
}
