// Package keyring is the keys that a token service signs with, and the change
// from one to the next without a moment in which a good token is refused.
//
// Of each algorithm there is one key that signs, the active one; one that is
// published already and will sign next; and those that signed before, which
// stay published until the last token that they signed has expired.
//
// Several processes, the replicas, share a ring in a store. Any of them can be
// paused at any line, cut off from the store, or started again, and a write can
// reach the store long after its process gave it up. The rules hold anyway:
//
//   - A replica knows the ring as of the moment at which it asked for it. It
//     signs for three times Refresh from then on, and shows the keys until the
//     last token that it can have signed has expired and no copy may be kept.
//     After that it does neither. See Timing.stale and Timing.shown.
//   - No time counts that a process wrote before the store had the change. A
//     process that finds a key in the store notes when: Key.Seen. A change of
//     the key's state removes the note.
//   - A key signs once it was seen as the next one for longer than any replica
//     shows a ring without it: Timing.lead.
//   - A key is dropped once it was seen as retired for longer than any token
//     lives that a replica can have signed with it since: Timing.overlap.
//   - A pause is noticed by the time of day, in which tokens end, and by the
//     time since boot: see moment.
//
// What Skew has beyond three times Refresh is for the differences between
// clocks, and for the time between the moment at which a replica looks at its
// clock and the moment at which a verifier uses the answer.
package keyring

import (
	"cmp"
	"slices"
	"time"

	"github.com/tailjoin/tailjoin/internal/jwk"
)

// A Ring is all keys at one moment. It is a value: changes make a new one.
type Ring struct {
	Keys []Key `json:"keys"`
}

// A Key is one of a ring, and what became of it so far.
type Key struct {
	ID        string    `json:"kid"` // RFC 7638's thumbprint, unless it was imported
	Algorithm string    `json:"alg"`
	Created   time.Time `json:"created"`
	Activated time.Time `json:"activated,omitzero"` // since when it signs; zero: not yet
	Retired   time.Time `json:"retired,omitzero"`   // since when it signs no more; zero: not yet
	Seen      time.Time `json:"seen,omitzero"`      // when a process found it in the store as the next key, or as retired; zero: not yet
	Public    jwk.Key   `json:"public"`

	Lifetime time.Duration `json:"lifetime,omitzero"` // the longest of its tokens, by any configuration so far
	Private  Private       `json:"private,omitzero"`  // nothing once it is retired
}

// A State is what a key is for.
type State string

const (
	Next     State = "next"     // published, and does not sign yet
	Active   State = "active"   // signs
	Retiring State = "retiring" // published for those who verify what it signed
)

// State says what the key is for.
func (k Key) State() State {
	switch {
	case !k.Retired.IsZero():
		return Retiring
	case k.Activated.IsZero():
		return Next
	}
	return Active
}

// find returns the key of an algorithm that is in a state.
func (r Ring) find(algorithm string, s State) (Key, bool) {
	i := slices.IndexFunc(r.Keys, func(k Key) bool { return k.Algorithm == algorithm && k.State() == s })
	if i < 0 {
		return Key{}, false
	}
	return r.Keys[i], true
}

// Published are the keys that verifiers may see, the active ones first.
func (r Ring) Published() jwk.Set {
	set := jwk.Set{Keys: []jwk.Key{}}
	order := []State{Active, Next, Retiring}
	keys := slices.Clone(r.Keys)
	slices.SortStableFunc(keys, func(a, b Key) int {
		return cmp.Or(slices.Index(order, a.State())-slices.Index(order, b.State()), b.Retired.Compare(a.Retired))
	})
	for _, k := range keys {
		set.Keys = append(set.Keys, k.Public)
	}
	return set
}

// Algorithms are those of the keys that sign, in alphabetical order.
func (r Ring) Algorithms() (all []string) {
	for _, k := range r.Keys {
		if k.State() == Active {
			all = append(all, k.Algorithm)
		}
	}
	slices.Sort(all)
	return all
}

// seen is the ring with a note on each key that it was found in the store.
func (r Ring) seen(now time.Time) Ring {
	keys := slices.Clone(r.Keys)
	for i := range keys {
		if keys[i].Seen.IsZero() {
			keys[i].Seen = now
		}
	}
	return Ring{keys}
}

// isSeen holds if every key has its note.
func (r Ring) isSeen() bool {
	return !slices.ContainsFunc(r.Keys, func(k Key) bool { return k.Seen.IsZero() })
}

// pruned is the ring without the keys whose tokens have all expired.
func (r Ring) pruned(now time.Time, t Timing) Ring {
	return Ring{slices.DeleteFunc(slices.Clone(r.Keys), func(k Key) bool {
		overlap := max(t.overlap(), k.Lifetime+t.Skew)
		return k.State() == Retiring && !k.Seen.IsZero() && now.After(k.Seen.Add(overlap))
	})}
}

// living is the ring with a note on each key that signs how long its tokens
// live. A configuration with shorter ones does not end those that are out.
func (r Ring) living(lifetime time.Duration) Ring {
	keys := slices.Clone(r.Keys)
	for i := range keys {
		if keys[i].State() == Active {
			keys[i].Lifetime = max(keys[i].Lifetime, lifetime)
		}
	}
	return Ring{keys}
}

// rotated has the next key of an algorithm sign, and fresh after it.
func (r Ring) rotated(now time.Time, fresh Key) Ring {
	keys := slices.Clone(r.Keys)
	for i := range keys {
		switch k := &keys[i]; {
		case k.Algorithm != fresh.Algorithm:
		case k.State() == Active:
			k.retire(now)
		case k.State() == Next:
			k.Activated = now
		}
	}
	return Ring{append(keys, fresh)}
}

// retire ends a key's signing. Nobody needs its private half from now on.
func (k *Key) retire(now time.Time) { k.Retired, k.Private, k.Seen = now, Private{}, time.Time{} }

// without retires the active keys of every other algorithm than these, and
// drops the next ones.
func (r Ring) without(now time.Time, algorithms []string) Ring {
	var keys []Key
	for _, k := range r.Keys {
		switch {
		case slices.Contains(algorithms, k.Algorithm):
		case k.State() == Next:
			continue
		case k.State() == Active:
			k.retire(now)
		}
		keys = append(keys, k)
	}
	return Ring{keys}
}
