package policyfile

// A set has a byte for each atom of a universe: 1 if that is in it.
//
// What is called from many places here is not inlined, since this is part of a
// program that is fetched for every job.
type set []byte

// key is the set as a map's key.
func (s set) key() string { return string(s) }

func (s set) addAll(other set) {
	for i, in := range other {
		s[i] |= in
	}
}

func (s set) remove(other set) {
	for i, in := range other {
		s[i] &^= in
	}
}

// common is what two sets share.
func (s set) common(other set) set {
	both := make(set, len(s))
	for i, in := range other {
		both[i] = in & s[i]
	}
	return both
}

func (s set) within(other set) bool { return s.len() == s.common(other).len() }

func (s set) len() (n int) {
	for _, in := range s {
		n += int(in)
	}
	return n
}
