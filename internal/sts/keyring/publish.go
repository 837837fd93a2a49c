package keyring

import "time"

// A Publication is what verifiers may be shown.
type Publication struct {
	Keys       []byte        // the public keys, as JSON: a JWK Set
	Algorithms []string      // that tokens are signed with
	Keep       time.Duration // for so long a verifier may keep it
}

// Publish returns what verifiers may be shown now. It fails with ErrAway
// before Open, and once a key may sign that is not in the ring at hand. A ring
// that other replicas may have changed is shown, and not to be kept.
func (k *Keeper) Publish() (Publication, error) {
	h, err := k.within(k.Timing.shown())
	if err != nil {
		return Publication{}, err
	}
	p := Publication{Keys: h.published, Algorithms: h.ring.Algorithms()}
	if k.since(h.seen) <= k.Timing.stale() {
		p.Keep = k.Timing.CacheFor
	}
	return p, nil
}

// Published returns the public keys, or nil if Publish fails.
func (k *Keeper) Published() []byte {
	p, _ := k.Publish()
	return p.Keys
}
