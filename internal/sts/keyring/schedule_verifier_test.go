package keyring_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/tailjoin/tailjoin/internal/jwk"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// A shownToken is a token that is good until it expires.
type shownToken struct {
	kid     string
	expires time.Time
	by      *process
	keeper  *keyring.Keeper // of the process, when it signed
}

// ask has a replica sign, as the server does: it decides on the token's end
// first. The token is verified at once, and until it expires.
func (s *schedule) ask(ctx context.Context, p *process) {
	if p.paused > 0 {
		return
	}
	keeper := p.keeper
	expires := p.readClock().Add(scheduleTiming.Lifetime).Truncate(time.Second)
	signed, err := keeper.Sign(ctx, "ES256", map[string]any{})
	if err != nil {
		s.tally.Unsigned++
		return
	}
	s.kids[signed.KeyID] = true
	token := shownToken{signed.KeyID, expires, p, keeper}
	s.show(token)
	for range 3 {
		s.at(s.upTo(scheduleTiming.Lifetime), func() { s.show(token) })
	}
	s.at(expires.Sub(s.clock(0))-time.Second, func() { s.show(token) })
}

func (s *schedule) show(token shownToken) {
	for _, v := range s.verifiers {
		v.verify(token)
	}
	p := token.by
	if p.paused > 0 || p.keeper != token.keeper || !p.clock(p.wrong).Before(token.expires) {
		return
	}
	if published, err := token.keeper.Publish(); err != nil || !slices.Contains(kidsOf(published.Keys), token.kid) {
		if p.clock(p.wrong).Before(token.expires) { // it may have been paused in Publish
			s.fault(token, fmt.Sprintf("%s no longer shows the key of its own token: %v", p.name, err))
		}
	}
}

func (s *schedule) fault(token shownToken, what string) {
	s.faults = append(s.faults, fmt.Sprintf("at %v, %v before the token of %s expires: %s",
		s.now, token.expires.Sub(s.clock(0)), token.by.name, what))
}

// A cachingVerifier keeps keys as real ones do: go-oidc fetches them when it is shown
// a key that it does not know, others when max-age is over, and not before.
type cachingVerifier struct {
	*schedule
	name                         string
	fetchesUnknown, keepsNothing bool

	wrong    time.Duration // of its clock
	keys     []string
	until    time.Duration
	fetching bool
	waiting  []shownToken // for what is being fetched
}

func (v *cachingVerifier) verify(token shownToken) {
	if v.isOver(token) {
		return
	}
	if v.fetching {
		v.waiting = append(v.waiting, token)
		return
	}
	knows := slices.Contains(v.keys, token.kid)
	if v.fetchesUnknown && !knows || !v.fetchesUnknown && (v.keepsNothing || v.now > v.until) {
		v.waiting = append(v.waiting, token)
		v.fetch()
		return
	}
	v.judge(token)
}

func (v *cachingVerifier) isOver(token shownToken) bool {
	return !v.clock(v.wrong).Before(token.expires)
}

func (v *cachingVerifier) judge(token shownToken) {
	switch {
	case slices.Contains(v.keys, token.kid):
		v.tally.Verified++
	case !v.isOver(token):
		v.fault(token, "a verifier "+v.name+" refuses it")
	}
}

// fetch asks one replica after the other, whether it is ready or not, and
// judges all tokens that came meanwhile by the answer.
func (v *cachingVerifier) fetch() {
	v.fetching = true
	asked := v.now
	published, ok := v.answer()
	v.fetching = false
	waiting := v.waiting
	v.waiting = nil
	if !ok {
		v.tally.NoAnswer += len(waiting)
		return
	}
	v.keys, v.until = kidsOf(published.Keys), asked+published.Keep
	for _, token := range waiting {
		v.judge(token)
	}
}

func (v *cachingVerifier) answer() (keyring.Publication, bool) {
	all := slices.Clone(v.processes)
	v.rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for _, p := range all {
		asked := v.now
		if p.paused > 0 {
			continue
		}
		published, err := p.keeper.Publish()
		if err != nil {
			continue
		}
		if v.oneIn(4) && v.depth <= deepest {
			v.wait(v.upTo(answerLimit))
		}
		if v.now-asked <= answerLimit {
			return published, true
		}
	}
	return keyring.Publication{}, false
}

func kidsOf(published []byte) (all []string) {
	var set jwk.Set
	if err := json.Unmarshal(published, &set); err != nil {
		panic(err)
	}
	for _, key := range set.Keys {
		all = append(all, key.Kid)
	}
	return all
}
