package localtailnet

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
)

// A jwkSet is a JWK Set: RFC 7517, section 5.
type jwkSet struct {
	Keys []jwk `json:"keys"`
}

// A jwk is a public key, RSA or EC P-256: RFC 7517 and RFC 7518, section 6.
// Numbers are big-endian and base64url-encoded without padding.
type jwk struct {
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

// find returns the key that kid names, if it may sign with alg.
func (s jwkSet) find(kid, alg string) (crypto.PublicKey, error) {
	for _, k := range s.Keys {
		if k.Kid == kid && k.signs(alg) {
			return k.public()
		}
	}
	return nil, fmt.Errorf("%w: kid %q, alg %s", ErrKeyUnknown, kid, alg)
}

// signs says whether a verifier may use k for alg. The type of the key counts,
// not only what the set says of it: a token must not choose between them.
func (k jwk) signs(alg string) bool {
	return k.Kty == algorithms[alg] &&
		(k.Use == "" || k.Use == "sig") &&
		(k.Alg == "" || k.Alg == alg)
}

// algorithms are the accepted ones, with the type of the key each needs.
var algorithms = map[string]string{"RS256": "RSA", "ES256": "EC"}

func (k jwk) public() (crypto.PublicKey, error) {
	if k.Kty == "EC" {
		return k.ec()
	}
	return k.rsa()
}

func (k jwk) rsa() (*rsa.PublicKey, error) {
	n, errN := base64.RawURLEncoding.DecodeString(k.N)
	e, errE := base64.RawURLEncoding.DecodeString(k.E)
	if err := errors.Join(errN, errE); err != nil {
		return nil, fmt.Errorf("decoding RSA key %q: %w", k.Kid, err)
	}
	if len(e) > 4 {
		return nil, fmt.Errorf("decoding RSA key %q: exponent of %d bytes", k.Kid, len(e))
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
}

func (k jwk) ec() (*ecdsa.PublicKey, error) {
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if err := errors.Join(errX, errY); err != nil {
		return nil, fmt.Errorf("decoding EC key %q: %w", k.Kid, err)
	}
	if k.Crv != "P-256" || len(x) != 32 || len(y) != 32 {
		return nil, fmt.Errorf("decoding EC key %q: not a point of P-256", k.Kid)
	}
	// SEC 1, section 2.3.4: 4 stands for an uncompressed point.
	point := append(append([]byte{4}, x...), y...)
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
	if err != nil {
		return nil, fmt.Errorf("decoding EC key %q: %w", k.Kid, err)
	}
	return key, nil
}

func rsaJWK(kid string, key *rsa.PublicKey) jwk {
	encode := base64.RawURLEncoding.EncodeToString
	return jwk{
		Kty: "RSA", Kid: kid, Use: "sig", Alg: "RS256",
		N: encode(key.N.Bytes()),
		E: encode(big.NewInt(int64(key.E)).Bytes()),
	}
}

func ecJWK(kid string, key *ecdsa.PublicKey) (jwk, error) {
	point, err := key.Bytes()
	if err != nil {
		return jwk{}, fmt.Errorf("encoding EC key %q: %w", kid, err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return jwk{
		Kty: "EC", Kid: kid, Use: "sig", Alg: "ES256",
		Crv: "P-256", X: encode(point[1:33]), Y: encode(point[33:]),
	}, nil
}
