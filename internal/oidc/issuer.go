package oidc

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/jwk"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// How long the keys count that an issuer published.
const (
	keep  = 10 * time.Minute // then they are fetched again
	stale = time.Hour        // and then no more, if they cannot be
	pause = 10 * time.Second // between two tries: no token makes us ask more often
)

// An Issuer is one that was chosen beforehand, whose tokens are verified again
// and again: its keys are kept for a while. No other address than its own, and
// that of the keys which it names, is asked for anything.
type Issuer struct {
	URL    string           // the iss of its tokens, letter by letter
	Client *http.Client     // nil is http.DefaultClient
	Now    func() time.Time // nil is time.Now

	held     atomic.Pointer[holding]
	fetching sync.Mutex
}

// A holding is the keys as they were when they could be had last, and what
// came of the last try.
type holding struct {
	set     jwk.Set
	fetched time.Time // zero: never yet
	tried   time.Time
	err     error
}

// Verify returns the claims of a token that this issuer signed and that is
// valid now, numbers as json.Number. An error that wraps a *KeysError says
// that the issuer's keys cannot be had: the token may be good.
func (i *Issuer) Verify(ctx context.Context, token secret.Text) (map[string]any, error) {
	claims := jwt.MapClaims{}
	_, err := parser(i.now(), jwt.WithIssuer(i.URL), jwt.WithJSONNumber()).ParseWithClaims(token.Reveal(), claims, func(t *jwt.Token) (any, error) {
		return i.keysFor(ctx, t)
	})
	if err != nil {
		return nil, err
	}
	return claims, nil
}

var errType = errors.New("its type is that of another token than an ID token") // RFC 8725, section 3.11

func (i *Issuer) keysFor(ctx context.Context, t *jwt.Token) (any, error) {
	if err := understood(t); err != nil {
		return nil, err
	}
	if typ, there := t.Header["typ"]; there && !isJWT(typ) {
		return nil, errType
	}
	set, err := i.keys(ctx, false)
	if err != nil {
		return nil, &KeysError{err}
	}
	found, err := candidates(set, t)
	if !errors.Is(err, jwk.ErrUnknown) {
		return found, err
	}
	// A new key, which was not there yet; or nobody's.
	if set, err = i.keys(ctx, true); err != nil {
		return nil, &KeysError{err}
	}
	return candidates(set, t)
}

// isJWT: RFC 7519, section 5.1.
func isJWT(typ any) bool {
	text, _ := typ.(string)
	return strings.EqualFold(text, "JWT") || strings.EqualFold(text, "application/jwt")
}

// keys are the issuer's. If anew they are fetched again, unless that was just
// tried.
func (i *Issuer) keys(ctx context.Context, anew bool) (jwk.Set, error) {
	h := i.held.Load()
	if h.suffices(i.now(), anew) {
		return h.keys(i.now())
	}
	if !i.fetching.TryLock() {
		if set, err := h.keys(i.now()); err == nil && !anew {
			return set, nil // somebody else is at it
		}
		i.fetching.Lock()
	}
	defer i.fetching.Unlock()
	if h = i.held.Load(); !h.suffices(i.now(), anew) {
		h = i.fetch(context.WithoutCancel(ctx), h) // others wait for it, too
	}
	return h.keys(i.now())
}

func (i *Issuer) fetch(ctx context.Context, before *holding) *holding {
	set, err := discover(ctx, i.client(), i.URL)
	h := &holding{set: set, fetched: i.now(), tried: i.now(), err: err}
	if err != nil {
		h.fetched = time.Time{}
		if before != nil {
			h.set, h.fetched = before.set, before.fetched
		}
	}
	i.held.Store(h)
	return h
}

// suffices holds if the issuer need not be asked, or was asked just now.
func (h *holding) suffices(now time.Time, anew bool) bool {
	if h == nil {
		return false
	}
	return now.Sub(h.tried) < pause || !anew && h.err == nil && now.Sub(h.fetched) < keep
}

var errNoKeys = errors.New("they are older than an hour")

func (h *holding) keys(now time.Time) (jwk.Set, error) {
	if h == nil || h.fetched.IsZero() || now.Sub(h.fetched) > stale {
		return jwk.Set{}, cmp.Or(h.lastError(), errNoKeys)
	}
	return h.set, nil
}

func (h *holding) lastError() error {
	if h == nil {
		return nil
	}
	return h.err
}

func (i *Issuer) client() *http.Client {
	if i.Client == nil {
		return http.DefaultClient
	}
	return i.Client
}

func (i *Issuer) now() time.Time {
	if i.Now == nil {
		return time.Now()
	}
	return i.Now()
}
