package policyfile

// kins are the atoms of a domain, in groups that the same parts have: one atom
// of a kin speaks for all.
type kins struct {
	u   *universe
	one []int32         // an atom of each
	all [][]int32       // the atoms of each
	of  []int32         // the kin of each atom; -1 outside of the domain
	in  map[int][]int32 // kins of a set, by its number
}

// sourceKins also tell apart which persons are among the destinations of a
// part: what a person's own nodes are depends on both ends of a rule.
func (u *universe) sourceKins(parts []*part) *kins {
	sets := []set{u.members}
	seen := map[int]bool{}
	for _, p := range parts {
		if !seen[p.src.number] {
			sets = append(sets, p.src.set)
		}
		seen[p.src.number] = true
		if n := -1 - p.dst.number; !seen[n] {
			seen[n] = true
			sets = append(sets, p.dst.common(u.members))
		}
	}
	return u.kins(u.sources, sets)
}

func (u *universe) destinationKins(parts []*part) *kins {
	var sets []set
	seen := map[int]bool{}
	for _, p := range parts {
		if !seen[p.dst.number] {
			seen[p.dst.number] = true
			sets = append(sets, p.dst.set)
		}
	}
	return u.kins(u.destinations, sets)
}

func (u *universe) kins(domain set, sets []set) *kins {
	k := &kins{u: u, of: make([]int32, len(u.atoms)), in: map[int][]int32{}}
	all := domain.list()
	alike := &partition{class: make([]int32, len(u.atoms))}
	alike.reset(all)
	for _, s := range sets {
		members := s.common(domain).list()
		if !u.spend(perWord*len(s) + 3*len(members)) {
			return k
		}
		alike.split(members)
	}
	number := make([]int32, len(alike.size)) // of a class's kin, from 1
	for i := range k.of {
		k.of[i] = -1
	}
	for _, i := range all {
		c := alike.class[i]
		if number[c] == 0 {
			k.one, k.all = append(k.one, i), append(k.all, nil)
			number[c] = int32(len(k.one))
		}
		k.of[i] = number[c] - 1
		k.all[k.of[i]] = append(k.all[k.of[i]], i)
	}
	return k
}

// list are the kins in a set, in ascending order.
func (k *kins) list(s *interned) []int32 {
	all, ok := k.in[s.number]
	if !ok {
		k.u.spend(2 * len(k.one))
		for i, one := range k.one {
			if s.has(int(one)) {
				all = append(all, int32(i))
			}
		}
		k.in[s.number] = all
	}
	return all
}

// set are all atoms of some kins.
func (k *kins) set(some []int32) set {
	all := k.u.newSet()
	for _, kin := range some {
		for _, i := range k.all[kin] {
			all.add(int(i))
		}
	}
	return all
}
