package keyring

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// A signing is a key that signs now, and the header of its tokens.
type signing struct {
	Key
	signer Signer
	header string // encoded, with the dot behind it
}

// A Signed is a token, and the key that signed it.
type Signed struct {
	Token secret.Text
	KeyID string
}

// usual is about how many bytes claims have. More is no harm.
const usual = 768

var errNoKey = errors.New("no key signs with this algorithm")

// Sign makes a token (RFC 7519) of claims. It fails with ErrAway rather than
// sign with a key that may have been replaced. The end of the token has to be
// decided before the call: a pause after that does no harm.
func (k *Keeper) Sign(ctx context.Context, algorithm string, claims any) (Signed, error) {
	h, err := k.within(k.Timing.stale())
	if err != nil {
		return Signed{}, err
	}
	s, ok := h.signers[algorithm]
	if !ok {
		return Signed{}, fmt.Errorf("%w: %s", errNoKey, algorithm)
	}
	payload, err := appendJSON(make([]byte, 0, usual), claims)
	if err != nil {
		return Signed{}, fmt.Errorf("encoding claims: %w", err)
	}
	token := base64.RawURLEncoding.AppendEncode(append(make([]byte, 0, 2*usual), s.header...), payload)
	signature, err := s.signer.Sign(ctx, token)
	if err != nil {
		return Signed{}, fmt.Errorf("signing with key %s: %w", s.ID, err)
	}
	token = base64.RawURLEncoding.AppendEncode(append(token, '.'), signature)
	return Signed{secret.New(string(token)), s.ID}, nil
}

// Prove has every key that signs sign something that is no token, and holds
// that against its public half.
func (k *Keeper) Prove(ctx context.Context) error {
	h, err := k.within(k.Timing.stale())
	if err != nil {
		return err
	}
	for _, s := range h.signers {
		if err := s.prove(ctx); err != nil {
			return err
		}
	}
	return nil
}

const proof = "no token: it has no dots"

func (s signing) prove(ctx context.Context) error {
	signature, err := s.signer.Sign(ctx, []byte(proof))
	if err != nil {
		return fmt.Errorf("signing with key %s: %w", s.ID, err)
	}
	public, err := s.Public.Public()
	if err != nil {
		return err
	}
	if err := jwt.GetSigningMethod(s.Algorithm).Verify(proof, signature, public); err != nil {
		return fmt.Errorf("what key %s signs does not verify with its public half: %w", s.ID, err)
	}
	return nil
}

// signers opens the keys that sign.
func (k *Keeper) signers(ctx context.Context, r Ring) (map[string]signing, error) {
	all := map[string]signing{}
	for _, key := range r.Keys {
		if key.State() != Active {
			continue
		}
		s, err := k.open(ctx, key)
		if err != nil {
			return nil, unusable(err)
		}
		all[key.Algorithm] = s
	}
	return all, nil
}

// unusable explains why a key cannot be used that should sign. A vault knows
// better than the ring.
func unusable(err error) error {
	if _, ok := errors.AsType[*diag.Problem](err); ok {
		return err
	}
	return odd(err)
}

func (k *Keeper) open(ctx context.Context, key Key) (signing, error) {
	signer, err := k.vault().Open(ctx, key.Algorithm, key.Private)
	if err != nil {
		return signing{}, err
	}
	header, err := json.Marshal(map[string]string{"alg": key.Algorithm, "kid": key.ID, "typ": "JWT"})
	s := signing{key, signer, base64.RawURLEncoding.EncodeToString(header) + "."}
	return s, errors.Join(err, s.prove(ctx))
}
