package azure

import (
	"cmp"
	"slices"
	"time"
)

// A vault has versions of a secret, and no way to say "only if nobody else
// wrote meanwhile". So each version says which one it replaces, and if two
// replace the same, the earlier counts. Everybody who has seen both decides
// alike; and before anybody decides, everything is so old that whoever looks
// sees it: see settled.

// A version is one of the secret, as the vault lists it.
type version struct {
	id       string
	created  time.Time // by the vault's clock, in whole seconds
	enabled  bool
	writer   string // which Swap wrote it; "" is somebody else, such as tsiam, or a person who put a copy back
	replaces string // a version's ID; "" is none
}

// A history is all versions of a secret, from the first to the last.
type history []version

func (h history) sort() {
	slices.SortFunc(h, func(a, b version) int { return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.id, b.id)) })
}

// next is the version that replaces another: the first of those that say so.
func (h history) next(id string) (version, bool) {
	i := slices.IndexFunc(h, func(v version) bool { return v.writer != "" && v.replaces == id })
	if i < 0 {
		return version{}, false
	}
	return h[i], true
}

// head is the version that counts; none if there is none. What somebody wrote
// who replaces nothing begins anew.
func (h history) head() (at version) {
	for _, v := range h {
		if v.writer == "" {
			at = v
		}
	}
	for {
		next, ok := h.next(at.id)
		if !ok {
			return at
		}
		at = next
	}
}

// settled is how long it takes until all versions are old enough to decide,
// and one that was written then. What was written before by the vault's clock
// is then in everybody's list, and what is written later is later.
func (h history) settled(now, written time.Time, after time.Duration) time.Duration {
	for _, v := range h {
		if v.created.After(written) {
			written = v.created
		}
	}
	if written.IsZero() {
		return 0
	}
	return written.Add(after + time.Second).Sub(now) // a second, since both times are cut off
}
