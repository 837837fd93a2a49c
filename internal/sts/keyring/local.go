package keyring

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
)

// algorithms are those that a key can be made for.
var algorithms = map[string]struct {
	hash  crypto.Hash    // zero: the algorithm hashes by itself
	curve elliptic.Curve // nil: it is not ECDSA
}{
	"RS256": {hash: crypto.SHA256},
	"ES256": {crypto.SHA256, elliptic.P256()},
	"ES384": {crypto.SHA384, elliptic.P384()},
	"ES512": {crypto.SHA512, elliptic.P521()},
	"EdDSA": {},
}

// Algorithms are the names of those that a key can be made for.
func Algorithms() []string { return slices.Sorted(maps.Keys(algorithms)) }

const bitsRSA = 2048

// Local is a vault in this process: the keys are in the ring itself.
type Local struct{}

func (Local) Make(_ context.Context, algorithm string) (crypto.PublicKey, Private, error) {
	key, err := generate(algorithm)
	if err != nil {
		return nil, Private{}, fmt.Errorf("making a key for %s: %w", algorithm, err)
	}
	p, err := private(key)
	return key.Public(), p, err
}

func generate(algorithm string) (crypto.Signer, error) {
	switch curve := algorithms[algorithm].curve; {
	case curve != nil:
		return ecdsa.GenerateKey(curve, rand.Reader)
	case algorithm == "RS256":
		return rsa.GenerateKey(rand.Reader, bitsRSA)
	case algorithm == "EdDSA":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	}
	return nil, errAlgorithm
}

var errAlgorithm = errors.New("no such algorithm")

func private(key crypto.Signer) (Private, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return Private{PKCS8: der}, err
}

// Open decodes a key, and sees that it is one for the algorithm.
func (Local) Open(_ context.Context, algorithm string, p Private) (Signer, error) {
	decoded, err := x509.ParsePKCS8PrivateKey(p.PKCS8)
	if err != nil {
		return nil, fmt.Errorf("decoding a private key: %w", err)
	}
	key, ok := decoded.(crypto.Signer)
	if !ok || !fits(algorithm, key.Public()) {
		return nil, fmt.Errorf("decoding a private key: a %T is none for %s", decoded, algorithm)
	}
	return localKey{algorithms[algorithm].hash, key}, nil
}

func fits(algorithm string, public crypto.PublicKey) bool {
	a, ok := algorithms[algorithm]
	switch public := public.(type) {
	case *ecdsa.PublicKey:
		return ok && a.curve == public.Curve
	case *rsa.PublicKey:
		return algorithm == "RS256"
	case ed25519.PublicKey:
		return algorithm == "EdDSA"
	}
	return false
}

type localKey struct {
	hash crypto.Hash
	crypto.Signer
}

func (k localKey) Sign(_ context.Context, input []byte) ([]byte, error) {
	if k.hash != 0 {
		h := k.hash.New()
		h.Write(input)
		input = h.Sum(nil)
	}
	if key, ok := k.Signer.(*ecdsa.PrivateKey); ok {
		r, s, err := ecdsa.Sign(rand.Reader, key, input)
		if err != nil {
			return nil, err
		}
		return fixed(r, s, key.Curve), nil
	}
	return k.Signer.Sign(rand.Reader, input, k.hash)
}

// fixed is the two numbers of an ECDSA signature one behind the other: RFC
// 7518, section 3.4.
func fixed(r, s *big.Int, curve elliptic.Curve) []byte {
	size := (curve.Params().BitSize + 7) / 8
	both := make([]byte, 2*size)
	r.FillBytes(both[:size])
	s.FillBytes(both[size:])
	return both
}
