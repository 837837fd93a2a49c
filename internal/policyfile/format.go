package policyfile

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/tailscale/hujson"
)

// Format writes HuJSON as Tailscale's admin console does, with its comments.
// What it refuses is an *Error.
func Format(s Source) ([]byte, error) {
	v, err := s.parse(0)
	if err != nil {
		return nil, err
	}
	v.Format()
	return v.Pack(), nil
}

// ETag is the version of a policy as the API says it, without the quotes: the
// SHA-256 of the formatted text. What is not HuJSON is hashed as it is.
func ETag(text []byte) string {
	if formatted, err := hujson.Format(append([]byte(nil), text...)); err == nil {
		text = formatted
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
