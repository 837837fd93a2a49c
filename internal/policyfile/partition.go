package policyfile

// A partition has elements in classes. It begins with one class.
type partition struct {
	class []int32 // of each element
	size  []int32 // of each class
	moved []int32 // by class, while it is split
	next  []int32
	parts []int32 // the classes that a split divides
}

// reset has these elements, and no others, be in one class.
func (p *partition) reset(elements []int32) {
	for _, e := range elements {
		p.class[e] = 0
	}
	p.size, p.moved, p.next = append(p.size[:0], int32(len(elements))), append(p.moved[:0], 0), append(p.next[:0], 0)
}

// split puts those of the elements, none of them twice, into classes of their
// own: afterwards a class has only members, or none.
func (p *partition) split(members []int32) {
	p.parts = p.parts[:0]
	for _, m := range members {
		c := p.class[m]
		if p.moved[c] == 0 {
			p.parts = append(p.parts, c)
		}
		p.moved[c]++
	}
	for _, c := range p.parts {
		p.next[c] = c
		if n := p.moved[c]; n < p.size[c] {
			p.next[c] = int32(len(p.size))
			p.size[c] -= n
			p.size, p.moved, p.next = append(p.size, n), append(p.moved, 0), append(p.next, 0)
		}
		p.moved[c] = 0
	}
	for _, m := range members {
		p.class[m] = p.next[p.class[m]]
	}
}
