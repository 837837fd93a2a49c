//go:build unix

package ownfile

import "testing"

func TestIsRootOr_trustsRootAndThisUser(t *testing.T) {
	for _, c := range []struct {
		self, owner int
		want        bool
	}{{0, 0, true}, {0, 1, false}, {1001, 0, true}, {1001, 1001, true}, {1001, 1002, false}, {1001, -1, false}, {0, -1, false}} {
		if got := isRootOr(c.self, c.owner); got != c.want {
			t.Errorf("user %d trusts the files of %d: %v", c.self, c.owner, got)
		}
	}
}
