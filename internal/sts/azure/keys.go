package azure

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	_ "crypto/sha256" // the hashes of the table below
	_ "crypto/sha512"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azkeys"
	"github.com/tailjoin/tailjoin/internal/diag"
	"github.com/tailjoin/tailjoin/internal/sts/keyring"
)

// kinds are the keys that a vault makes. Ed25519 is for Managed HSM alone.
var kinds = map[string]struct {
	hash      crypto.Hash
	curve     elliptic.Curve // nil: RSA
	named     azkeys.CurveName
	signature int // bytes
}{
	"RS256": {crypto.SHA256, nil, "", bitsRSA / 8},
	"ES256": {crypto.SHA256, elliptic.P256(), azkeys.CurveNameP256, 64},
	"ES384": {crypto.SHA384, elliptic.P384(), azkeys.CurveNameP384, 96},
	"ES512": {crypto.SHA512, elliptic.P521(), azkeys.CurveNameP521, 132},
}

const bitsRSA = 2048

// Keys is a keyring.Vault: a key of the vault for each algorithm, and each key
// that Make makes a version of it. The ring has their names.
type Keys struct {
	// Hardware has new keys be made in the vault's hardware, which a Premium
	// vault has.
	Hardware bool

	client *azkeys.Client
	prefix string
	url    string
}

// NewKeys is the keys whose names begin so.
func NewKeys(c Connection, prefix string) (*Keys, error) {
	made, err := client(c, func(url string, who azcore.TokenCredential, o azcore.ClientOptions) (*azkeys.Client, error) {
		return azkeys.NewClient(url, who, &azkeys.ClientOptions{ClientOptions: o})
	})
	return &Keys{client: made, prefix: prefix, url: c.URL}, err
}

// name is that of the key for an algorithm: one key has one type. It is never
// the prefix alone, which with tsiam is a key that encrypts others.
func (k *Keys) name(algorithm string) string { return k.prefix + "-" + strings.ToLower(algorithm) }

func (k *Keys) Make(ctx context.Context, algorithm string) (crypto.PublicKey, keyring.Private, error) {
	if err := Check([]string{algorithm}); err != nil {
		return nil, keyring.Private{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	at, wanted := place{k.url, "key", k.name(algorithm)}, k.wanted(algorithm)
	answer, err := k.client.CreateKey(ctx, at.name, wanted, nil)
	if err != nil {
		return nil, keyring.Private{}, at.explain(fmt.Errorf("making a key: %w", err))
	}
	public, err := publicOf(answer.Key, *wanted.Kty, kinds[algorithm].curve)
	if err != nil {
		return nil, keyring.Private{}, at.odd(fmt.Errorf("the vault made another key than was wanted: %w", err), "look at the key in the portal")
	}
	return public, keyring.Private{Name: at.name + "/" + answer.Key.KID.Version()}, nil
}

func (k *Keys) wanted(algorithm string) azkeys.CreateKeyParameters {
	kind := kinds[algorithm]
	p := azkeys.CreateKeyParameters{KeyOps: to.SliceOfPtrs(azkeys.KeyOperationSign, azkeys.KeyOperationVerify)}
	if kind.curve != nil {
		p.Kty, p.Curve = to.Ptr(azkeys.KeyTypeEC), &kind.named
	} else {
		p.Kty, p.KeySize = to.Ptr(azkeys.KeyTypeRSA), to.Ptr(int32(bitsRSA))
	}
	if k.Hardware {
		*p.Kty += "-HSM"
	}
	return p
}

// cannot says which algorithms there are.
func cannot(algorithm string) error {
	all := slices.DeleteFunc(keyring.Algorithms(), func(a string) bool { _, ok := kinds[a]; return !ok })
	return diag.Input("Azure Key Vault cannot sign with "+algorithm,
		"use one of "+strings.Join(all, ", ")+" for signingKey.algorithm and in tokens.audiences, or another signingKey.storage")
}

// Check fails for an algorithm that no key of a vault is for.
func Check(algorithms []string) error {
	for _, a := range algorithms {
		if _, ok := kinds[a]; !ok {
			return cannot(a)
		}
	}
	return nil
}

var errKey = errors.New("it is not of the right type")

// publicOf decodes the public half; curve is nil for RSA.
func publicOf(key *azkeys.JSONWebKey, wanted azkeys.KeyType, curve elliptic.Curve) (crypto.PublicKey, error) {
	if key == nil || key.Kty == nil || *key.Kty != wanted || key.KID == nil || key.KID.Version() == "" {
		return nil, errKey
	}
	if curve != nil {
		return point(curve, key.X, key.Y)
	}
	e := new(big.Int).SetBytes(key.E)
	if !e.IsInt64() || len(key.N) < bitsRSA/8 {
		return nil, errKey
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(key.N), E: int(e.Int64())}, nil
}

// point checks that the coordinates, which may lack zeros, are on the curve.
func point(curve elliptic.Curve, x, y []byte) (*ecdsa.PublicKey, error) {
	size := (curve.Params().BitSize + 7) / 8
	if len(x) > size || len(y) > size {
		return nil, errKey
	}
	encoded := make([]byte, 1+2*size) // SEC 1, section 2.3.3
	encoded[0] = 4
	copy(encoded[1+size-len(x):], x)
	copy(encoded[1+2*size-len(y):], y)
	return ecdsa.ParseUncompressedPublicKey(curve, encoded)
}

func (k *Keys) Open(_ context.Context, algorithm string, private keyring.Private) (keyring.Signer, error) {
	name, version, ok := strings.Cut(private.Name, "/")
	if !ok {
		return nil, errors.New("the ring has no name of a key in the vault: it is that of another signingKey.storage")
	}
	if err := Check([]string{algorithm}); err != nil {
		return nil, err
	}
	return signer{k.client, place{k.url, "key", name}, version, algorithm}, nil
}

// A signer has the vault sign. Nothing is held meanwhile: any number may sign
// at once.
type signer struct {
	client    *azkeys.Client
	place     place
	version   string
	algorithm string
}

// limit is how long one who asks for a token waits for a signature.
const limit = 5 * time.Second

func (s signer) Sign(ctx context.Context, input []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	kind := kinds[s.algorithm]
	h := kind.hash.New()
	h.Write(input)
	answer, err := s.client.Sign(ctx, s.place.name, s.version, azkeys.SignParameters{
		Algorithm: to.Ptr(azkeys.SignatureAlgorithm(s.algorithm)), Value: h.Sum(nil),
	}, nil)
	if err != nil {
		return nil, s.place.explain(fmt.Errorf("signing with its version %s: %w", s.version, err))
	}
	if len(answer.Result) != kind.signature { // a JWS' form, as the vault has it
		return nil, s.place.odd(fmt.Errorf("the vault gave a signature of %d bytes", len(answer.Result)), "look at the key in the portal")
	}
	return answer.Result, nil
}
