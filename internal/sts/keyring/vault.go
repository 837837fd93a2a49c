package keyring

import (
	"context"
	"crypto"
	"log/slog"
)

// A Vault makes private keys and signs with them. Local is this process. One
// that never gives its keys away is a file with these methods.
type Vault interface {
	// Make makes a key for an algorithm.
	Make(ctx context.Context, algorithm string) (crypto.PublicKey, Private, error)
	// Open makes ready to sign with a key that Make made, perhaps elsewhere.
	Open(ctx context.Context, algorithm string, key Private) (Signer, error)
}

// A Signer signs with one private key.
type Signer interface {
	// Sign returns the signature over input, in the form that RFC 7518,
	// section 3, or RFC 8037, section 3.1, demands of a JWS.
	Sign(ctx context.Context, input []byte) ([]byte, error)
}

// A Private is a private key, or the name of one that is in a vault. It does
// not print.
type Private struct {
	PKCS8 []byte `json:"pkcs8,omitempty"` // DER
	Name  string `json:"name,omitempty"`  // for the vault that has it
}

func (p Private) String() string {
	if p.PKCS8 == nil {
		return p.Name
	}
	return "[redacted]"
}

func (p Private) GoString() string     { return p.String() }
func (p Private) LogValue() slog.Value { return slog.StringValue(p.String()) }
