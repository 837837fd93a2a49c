package policyfile

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

// A set has a bit for each atom of a universe: 1 if the atom is in it.
//
// What is called from many places here is not inlined, since this is part of a
// program that is fetched for every job.
type set []uint64

// wordsFor is how many words a set of n atoms has.
func wordsFor(n int) int { return (n + 63) / 64 }

func (s set) has(i int) bool { return s[i/64]>>(i%64)&1 == 1 }

func (s set) add(i int) { s[i/64] |= 1 << (i % 64) }

// key is the set as a map's key.
func (s set) key() string {
	b := make([]byte, 0, 8*len(s))
	for _, w := range s {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return string(b)
}

// addAll needs an other that is not longer.
func (s set) addAll(other set) {
	for i, w := range other {
		s[i] |= w
	}
}

func (s set) remove(other set) {
	for i, w := range other {
		s[i] &^= w
	}
}

// common is what two sets share.
func (s set) common(other set) set {
	both := make(set, len(s))
	for i, w := range other {
		both[i] = w & s[i]
	}
	return both
}

// meets reports whether two sets share an atom.
func (s set) meets(other set) bool {
	for i, w := range s {
		if w&other[i] != 0 {
			return true
		}
	}
	return false
}

func (s set) len() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// all are the atoms of the set, in ascending order.
func (s set) all() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range s {
			for ; w != 0; w &= w - 1 {
				if !yield(64*i + bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}

// list is the same as all.
func (s set) list() (all []int32) {
	all = make([]int32, 0, s.len())
	for i := range s.all() {
		all = append(all, int32(i))
	}
	return all
}
