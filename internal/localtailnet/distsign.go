package localtailnet

import (
	"fmt"
	"io"

	"tailscale.com/clientupdate/distsign"
)

// A packageSigner signs packages as Tailscale does: a root signs the bundle of
// signing keys, and the signing key signs the hash and length of each file.
type packageSigner struct {
	root      []byte // PEM, public
	bundle    []byte // distsign.pub
	bundleSig []byte // distsign.pub.sig
	key       *distsign.SigningKey
}

func newPackageSigner() (*packageSigner, error) {
	rootPrivate, rootPublic, err := distsign.GenerateRootKey()
	if err != nil {
		return nil, fmt.Errorf("making root key: %w", err)
	}
	private, public, err := distsign.GenerateSigningKey()
	if err != nil {
		return nil, fmt.Errorf("making signing key: %w", err)
	}
	root, err := distsign.ParseRootKey(rootPrivate)
	if err != nil {
		return nil, err
	}
	sig, err := root.SignSigningKeys(public)
	if err != nil {
		return nil, fmt.Errorf("signing the signing key: %w", err)
	}
	key, err := distsign.ParseSigningKey(private)
	if err != nil {
		return nil, err
	}
	return &packageSigner{root: rootPublic, bundle: public, bundleSig: sig, key: key}, nil
}

// sign reads a package to its end and returns its detached signature.
func (s *packageSigner) sign(r io.Reader) ([]byte, error) {
	hash := distsign.NewPackageHash()
	if _, err := io.Copy(hash, r); err != nil {
		return nil, fmt.Errorf("hashing package: %w", err)
	}
	return s.key.SignPackageHash(hash.Sum(nil), hash.Len())
}
