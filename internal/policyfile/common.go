package policyfile

import (
	"slices"
	"sort"
)

// mostCells bounds the memory and the time for comparing lists exactly.
const mostCells = 4 << 20

// common is a common subsequence of two lists, as pairs of indices: a longest
// one if they are short. In long lists it first looks for elements that both
// have once.
func common(old, new []string) (pairs [][2]int) {
	numbers := map[string]int32{}
	c := &lists{cells: mostCells}
	c.old, c.new = numbered(old, numbers), numbered(new, numbers)
	c.compare(stretch{0, len(old), 0, len(new)}, 0)
	return c.pairs
}

// numbered are lists in which equal elements have the same number.
func numbered(list []string, numbers map[string]int32) (all []int32) {
	for _, s := range list {
		n, ok := numbers[s]
		if !ok {
			n = int32(len(numbers))
			numbers[s] = n
		}
		all = append(all, n)
	}
	return all
}

// lists are two lists while they are compared.
type lists struct {
	old, new []int32
	cells    int // that may still be used
	pairs    [][2]int
}

// A stretch is a part of each list.
type stretch struct{ i, n, j, m int }

// rounds is how often long lists are divided at elements that they have once.
const rounds = 20

func (c *lists) compare(s stretch, round int) {
	for s.i < s.n && s.j < s.m && c.old[s.i] == c.new[s.j] {
		c.pairs = append(c.pairs, [2]int{s.i, s.j})
		s.i, s.j = s.i+1, s.j+1
	}
	end := 0
	for s.i < s.n && s.j < s.m && c.old[s.n-1] == c.new[s.m-1] {
		s.n, s.m, end = s.n-1, s.m-1, end+1
	}
	c.middle(s, round)
	for k := range end {
		c.pairs = append(c.pairs, [2]int{s.n + k, s.m + k})
	}
}

// middle compares what neither begins nor ends alike.
func (c *lists) middle(s stretch, round int) {
	rows, columns := s.n-s.i, s.m-s.j
	switch {
	case rows == 0 || columns == 0:
	case columns <= mostCells/64/rows && rows*columns <= c.cells:
		c.longest(s)
	case round < rounds:
		if anchors := c.anchors(s); len(anchors) > 0 {
			c.divide(s, anchors, round)
		} else if columns <= c.cells/rows {
			c.longest(s)
		}
	}
}

func (c *lists) divide(s stretch, anchors [][2]int, round int) {
	for _, a := range append(anchors, [2]int{s.n, s.m}) {
		c.compare(stretch{s.i, a[0], s.j, a[1]}, round+1)
		if a[0] < s.n {
			c.pairs = append(c.pairs, a)
		}
		s.i, s.j = a[0]+1, a[1]+1
	}
}

// anchors are elements that both parts have exactly once, as many as are in the
// same order.
func (c *lists) anchors(s stretch) [][2]int {
	places := map[int32][2]int{} // in both parts, from 1; -1 if there are two
	note := func(list []int32, from, to, side int) {
		for i := from; i < to; i++ {
			at := places[list[i]]
			if at[side] == 0 {
				at[side] = i + 1
			} else {
				at[side] = -1
			}
			places[list[i]] = at
		}
	}
	note(c.old, s.i, s.n, 0)
	note(c.new, s.j, s.m, 1)
	var both [][2]int
	for i := s.i; i < s.n; i++ {
		if at := places[c.old[i]]; at[0] > 0 && at[1] > 0 {
			both = append(both, [2]int{at[0] - 1, at[1] - 1})
		}
	}
	return rising(both)
}

// rising is a longest part of the pairs, which are in the order of their first
// numbers, in which the second numbers rise, too.
func rising(pairs [][2]int) (longest [][2]int) {
	var ends []int // of the best sequence of each length, the last pair
	before := make([]int, len(pairs))
	for k, p := range pairs {
		n := sort.Search(len(ends), func(i int) bool { return pairs[ends[i]][1] >= p[1] })
		before[k] = -1
		if n > 0 {
			before[k] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, k)
		} else {
			ends[n] = k
		}
	}
	for at := last(ends); at >= 0; at = before[at] {
		longest = append(longest, pairs[at])
	}
	slices.Reverse(longest)
	return longest
}

// last is the last number, or -1.
func last(numbers []int) int {
	if len(numbers) == 0 {
		return -1
	}
	return numbers[len(numbers)-1]
}

// longest finds a longest common subsequence.
func (c *lists) longest(s stretch) {
	rows, columns := s.n-s.i, s.m-s.j
	c.cells -= rows * columns
	old, new := c.old[s.i:s.n], c.new[s.j:s.m]
	lengths := make([][]int32, rows+1)
	for i := range lengths {
		lengths[i] = make([]int32, columns+1)
	}
	for i := rows - 1; i >= 0; i-- {
		for j := columns - 1; j >= 0; j-- {
			if old[i] == new[j] {
				lengths[i][j] = lengths[i+1][j+1] + 1
			} else {
				lengths[i][j] = max(lengths[i+1][j], lengths[i][j+1])
			}
		}
	}
	for i, j := 0, 0; i < rows && j < columns; {
		switch {
		case old[i] == new[j]:
			c.pairs = append(c.pairs, [2]int{s.i + i, s.j + j})
			i, j = i+1, j+1
		case lengths[i+1][j] >= lengths[i][j+1]:
			i++
		default:
			j++
		}
	}
}
