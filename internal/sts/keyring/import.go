package keyring

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"github.com/tailjoin/tailjoin/internal/jwk"
)

// A privateJWK is a private key as tsiam stores one: RFC 7518, section 6.2.2
// and 6.3.2, or RFC 8037, section 2.
type privateJWK struct {
	jwk.Key
	D string `json:"d"`
	P string `json:"p"`
	Q string `json:"q"`
}

var errNoPrivate = errors.New("it is a key without a usable private half")

// importKey has a key that another service signed with sign here, under the
// name by which verifiers know it.
func importKey(raw []byte, now time.Time) (Key, error) {
	var wire privateJWK
	if err := json.Unmarshal(raw, &wire); err != nil {
		return Key{}, errNoPrivate // json's own words might quote the key
	}
	public, err := wire.Public()
	if err != nil {
		return Key{}, err
	}
	algorithm := wire.algorithm(public)
	if algorithm == "" {
		return Key{}, fmt.Errorf("its algorithm %q is none of %v", wire.Alg, Algorithms())
	}
	signer, err := wire.private(public)
	if err != nil {
		return Key{}, err
	}
	if !signer.Public().(interface{ Equal(crypto.PublicKey) bool }).Equal(public) {
		return Key{}, errors.New("its two halves are of two keys")
	}
	p, err := private(signer)
	if err != nil {
		return Key{}, err
	}
	described, err := describe(wire.Kid, algorithm, public)
	return Key{ID: described.Kid, Algorithm: algorithm, Created: now, Activated: now, Public: described, Private: p}, err
}

// algorithm is the one that the key says, or the one that it can only be for.
func (w privateJWK) algorithm(public crypto.PublicKey) string {
	all := Algorithms()
	i := slices.IndexFunc(all, func(a string) bool { return (w.Alg == "" || w.Alg == a) && fits(a, public) })
	if i < 0 {
		return ""
	}
	return all[i]
}

func (w privateJWK) private(public crypto.PublicKey) (crypto.Signer, error) {
	d, err := base64.RawURLEncoding.DecodeString(w.D)
	if err != nil || len(d) == 0 {
		return nil, errNoPrivate
	}
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.ParseRawPrivateKey(public.Curve, d)
	case *rsa.PublicKey:
		return w.rsa(public, d)
	}
	if len(d) != ed25519.SeedSize {
		return nil, errNoPrivate
	}
	return ed25519.NewKeyFromSeed(d), nil
}

func (w privateJWK) rsa(public *rsa.PublicKey, d []byte) (crypto.Signer, error) {
	p, err1 := base64.RawURLEncoding.DecodeString(w.P)
	q, err2 := base64.RawURLEncoding.DecodeString(w.Q)
	if err1 != nil || err2 != nil {
		return nil, errNoPrivate
	}
	key := &rsa.PrivateKey{
		PublicKey: *public,
		D:         new(big.Int).SetBytes(d),
		Primes:    []*big.Int{new(big.Int).SetBytes(p), new(big.Int).SetBytes(q)},
	}
	key.Precompute()
	return key, key.Validate()
}
