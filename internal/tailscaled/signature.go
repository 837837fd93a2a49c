package tailscaled

import (
	"context"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"

	"tailscale.com/clientupdate/distsign"
)

// tailscaleRoots are the root keys of Tailscale's packages. The module embeds
// the same ones, but hands out no verifier that takes a context, a client or a
// mirror's root; a test holds the two against each other.
//
//go:embed roots.pem
var tailscaleRoots []byte

// A signature is the chain of a package: a root key signs the bundle of
// signing keys, one of these signs the hash and the length of the package.
type signature struct {
	keys    []byte // distsign.pub
	keysSig []byte // distsign.pub.sig
	sig     []byte // the package's own
}

var (
	errNotByRoot = errors.New("no trusted root signed the signing keys")
	errNotByKey  = errors.New("none of the signing keys signed this archive")
)

// verify says whether the chain leads from one of roots to a package with this
// hash, that of distsign.NewPackageHash, and this length.
func (s signature) verify(roots, hash []byte, length int64) error {
	trusted, err := distsign.ParseRootKeyBundle(roots)
	if err != nil {
		return fmt.Errorf("reading root keys: %w", err)
	}
	if !distsign.VerifyAny(trusted, s.keys, s.keysSig) {
		return errNotByRoot
	}
	signing, err := distsign.ParseSigningKeyBundle(s.keys)
	if err != nil {
		return fmt.Errorf("reading signing keys: %w", err)
	}
	message := binary.LittleEndian.AppendUint64(hash, uint64(length))
	if !distsign.VerifyAny(signing, message, s.sig) {
		return errNotByKey
	}
	return nil
}

// part is a file of the chain: where a package server has it, and where it
// goes in s.
type part struct {
	path    string
	content *[]byte
}

func (s *signature) parts(path string) []part {
	return []part{
		{"/distsign.pub", &s.keys},
		{"/distsign.pub.sig", &s.keysSig},
		{path + ".sig", &s.sig},
	}
}

// longestPart is ample: a bundle of keys has some hundred bytes.
const longestPart = 1 << 20

// readSignature gets the chain of the package at path, all parts at once.
func (s shelf) readSignature(ctx context.Context, path string) (signature, error) {
	var chain signature
	parts := chain.parts(path)
	errs := make(chan error, len(parts))
	for _, p := range parts {
		go func() {
			var err error
			*p.content, err = s.read(ctx, p.path, longestPart)
			errs <- err
		}()
	}
	var all error
	for range parts {
		all = errors.Join(all, <-errs)
	}
	return chain, all
}
