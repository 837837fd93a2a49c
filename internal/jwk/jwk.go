// Package jwk is public keys as JSON: what an issuer of tokens publishes.
package jwk

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
)

// A Set is a JWK Set: RFC 7517, section 5.
type Set struct {
	Keys []Key `json:"keys"`
}

// A Key is a public key: RFC 7517, and RFC 7518, section 6, or RFC 8037.
// Numbers are big-endian and base64url-encoded without padding.
type Key struct {
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Use string `json:"use,omitempty"`
	Alg string `json:"alg,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	Crv string `json:"crv,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
}

// kinds are the algorithms that a public key verifies, with the kind of key
// that each needs. "none" and those with a shared secret are not among them.
var kinds = map[string]struct{ kty, crv string }{
	"RS256": {"RSA", ""}, "RS384": {"RSA", ""}, "RS512": {"RSA", ""},
	"PS256": {"RSA", ""}, "PS384": {"RSA", ""}, "PS512": {"RSA", ""},
	"ES256": {"EC", "P-256"}, "ES384": {"EC", "P-384"}, "ES512": {"EC", "P-521"},
	"EdDSA": {"OKP", "Ed25519"},
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

// Algorithms are the names of those that a key of a Set can verify.
func Algorithms() []string { return slices.Sorted(maps.Keys(kinds)) }

// ErrUnknown says that no key of a set is the one wanted.
var ErrUnknown = errors.New("no such key")

// Find returns the keys that may have signed with alg: those that kid names,
// or all if kid is empty. The kind of a key counts, not only what the set says
// of it: a token must not choose between them. Without one it is ErrUnknown.
func (s Set) Find(kid, alg string) ([]crypto.PublicKey, error) {
	var found []crypto.PublicKey
	var errs []error
	for _, k := range s.Keys {
		if kid != "" && k.Kid != kid || !k.signs(alg) {
			continue
		}
		key, err := k.Public()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, key)
	}
	if len(found) == 0 {
		return nil, errors.Join(append(errs, fmt.Errorf("%w: kid %q, alg %s", ErrUnknown, kid, alg))...)
	}
	return found, nil
}

func (k Key) signs(alg string) bool {
	kind, ok := kinds[alg]
	return ok && k.Kty == kind.kty && k.Crv == kind.crv &&
		(k.Use == "" || k.Use == "sig") &&
		(k.Alg == "" || k.Alg == alg)
}

// Public decodes the key: an *rsa.PublicKey of 2048 bits or more, an
// *ecdsa.PublicKey, or an ed25519.PublicKey.
func (k Key) Public() (key crypto.PublicKey, err error) {
	switch k.Kty {
	case "RSA":
		key, err = k.rsa()
	case "EC":
		key, err = k.ec()
	case "OKP":
		key, err = k.ed25519()
	default:
		err = fmt.Errorf("type %q", k.Kty)
	}
	if err != nil {
		return nil, fmt.Errorf("decoding key %q: %w", k.Kid, err)
	}
	return key, nil
}

const shortestRSA = 2048 // bits; RFC 7518, section 3.3

func (k Key) rsa() (*rsa.PublicKey, error) {
	n, err := k.numbers(k.N, k.E)
	if err != nil {
		return nil, err
	}
	if e := n[1]; len(e) == 0 || len(e) > 4 {
		return nil, fmt.Errorf("exponent of %d bytes", len(e))
	}
	key := &rsa.PublicKey{N: new(big.Int).SetBytes(n[0]), E: int(new(big.Int).SetBytes(n[1]).Int64())}
	if bits := key.N.BitLen(); bits < shortestRSA {
		return nil, fmt.Errorf("RSA of %d bits, and %d are wanted", bits, shortestRSA)
	}
	return key, nil
}

func (k Key) ec() (*ecdsa.PublicKey, error) {
	curve, ok := curves[k.Crv]
	if !ok {
		return nil, fmt.Errorf("curve %q", k.Crv)
	}
	n, err := k.numbers(k.X, k.Y)
	if err != nil {
		return nil, err
	}
	if size := (curve.Params().BitSize + 7) / 8; len(n[0]) != size || len(n[1]) != size {
		return nil, fmt.Errorf("coordinates of %d and %d bytes, and %d are wanted", len(n[0]), len(n[1]), size)
	}
	// SEC 1, section 2.3.4: 4 stands for an uncompressed point.
	return ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, n[0], n[1]))
}

func (k Key) ed25519() (ed25519.PublicKey, error) {
	n, err := k.numbers(k.X)
	if err != nil {
		return nil, err
	}
	if k.Crv != "Ed25519" || len(n[0]) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("curve %q with %d bytes", k.Crv, len(n[0]))
	}
	return ed25519.PublicKey(n[0]), nil
}

func (k Key) numbers(encoded ...string) ([][]byte, error) {
	var numbers [][]byte
	for _, text := range encoded {
		number, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			return nil, err
		}
		numbers = append(numbers, number)
	}
	return numbers, nil
}

// Of encodes the public key that verifies signatures with alg.
func Of(kid, alg string, public crypto.PublicKey) (Key, error) {
	k := Key{Kid: kid, Use: "sig", Alg: alg, Kty: kinds[alg].kty, Crv: kinds[alg].crv}
	encode := base64.RawURLEncoding.EncodeToString
	switch key := public.(type) {
	case *rsa.PublicKey:
		k.N, k.E = encode(key.N.Bytes()), encode(big.NewInt(int64(key.E)).Bytes())
	case *ecdsa.PublicKey:
		point, err := key.Bytes() // 4, x, y
		if err != nil {
			return Key{}, fmt.Errorf("encoding key %q: %w", kid, err)
		}
		size := len(point) / 2
		k.X, k.Y = encode(point[1:1+size]), encode(point[1+size:])
	case ed25519.PublicKey:
		k.X = encode(key)
	}
	if _, err := k.Public(); err != nil {
		return Key{}, fmt.Errorf("encoding key %q for %s: %w", kid, alg, err)
	}
	return k, nil
}
