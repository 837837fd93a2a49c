package azure

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func at(second int64) time.Time { return time.Unix(second, 0) }

func TestHead_isTheFirstThatReplaces(t *testing.T) {
	ours := func(id string, second int64, replaces string) version {
		return version{id: id, created: at(second), writer: "w" + id, replaces: replaces}
	}
	theirs := func(id string, second int64) version { return version{id: id, created: at(second)} }
	for name, c := range map[string]struct {
		all  history
		want string
	}{
		"of none":                                {nil, ""},
		"of one":                                 {history{ours("a", 1, "")}, "a"},
		"of a chain":                             {history{ours("a", 1, ""), ours("b", 2, "a"), ours("c", 3, "b")}, "c"},
		"of two that begin":                      {history{ours("a", 1, ""), ours("b", 2, "")}, "a"},
		"of two in one second":                   {history{ours("b", 1, ""), ours("a", 1, "")}, "a"},
		"where one lost, and the winner went on": {history{ours("a", 1, ""), ours("b", 2, "a"), ours("c", 3, "a"), ours("d", 9, "b")}, "d"},
		"where the loser was believed by somebody": {history{ours("a", 1, ""), ours("b", 2, "a"), ours("c", 3, "a"), ours("d", 9, "c")}, "b"},
		"of another's":                    {history{theirs("a", 1)}, "a"},
		"of another's last":               {history{theirs("a", 1), theirs("b", 2)}, "b"},
		"after another's":                 {history{theirs("a", 1), ours("b", 2, "a")}, "b"},
		"where somebody put a copy back":  {history{ours("a", 1, ""), ours("b", 2, "a"), theirs("c", 3)}, "c"},
		"after somebody put a copy back":  {history{ours("a", 1, ""), theirs("c", 3), ours("b", 4, "c"), ours("d", 5, "a")}, "b"},
		"that replaces what is not there": {history{ours("a", 1, "x")}, ""},
		"where two replace each other":    {history{ours("a", 1, "b"), ours("b", 1, "a")}, ""},
	} {
		for range 20 { // the vault lists them in any order
			shuffled := slices.Clone(c.all)
			rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
			shuffled.sort()
			if got := shuffled.head().id; got != c.want {
				t.Errorf("%s: %q, want %q", name, got, c.want)
			}
		}
	}
}

func TestSettled_isWhenEverybodySeesTheLast(t *testing.T) {
	all := history{{created: at(10)}, {created: at(20)}}
	for now, want := range map[int64]time.Duration{20: 5 * time.Second, 22: 3 * time.Second, 25: 0, 30: -5 * time.Second, 19: 6 * time.Second} {
		if got := all.settled(at(now), time.Time{}, 4*time.Second); got != want {
			t.Errorf("at %d: %v, want %v", now, got, want)
		}
	}
	if got := all.settled(at(22), at(21), 4*time.Second); got != 4*time.Second {
		t.Errorf("for one that is not in the list yet: %v", got)
	}
	if got := (history)(nil).settled(at(0), time.Time{}, time.Hour); got != 0 {
		t.Errorf("there is nothing to wait for: %v", got)
	}
}
