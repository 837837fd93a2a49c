package jwk

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// thumbprinted are the members of each type of key that say which key it is,
// in the order and form that RFC 7638, section 3, and RFC 8037, section 2,
// demand. The values are base64url, names of curves and names of types: none
// needs to be escaped.
var thumbprinted = map[string]func(Key) string{
	"RSA": func(k Key) string { return fmt.Sprintf(`{"e":"%s","kty":"RSA","n":"%s"}`, k.E, k.N) },
	"EC":  func(k Key) string { return fmt.Sprintf(`{"crv":"%s","kty":"EC","x":"%s","y":"%s"}`, k.Crv, k.X, k.Y) },
	"OKP": func(k Key) string { return fmt.Sprintf(`{"crv":"%s","kty":"OKP","x":"%s"}`, k.Crv, k.X) },
}

// Thumbprint is a name for the key that anybody can work out: RFC 7638, with
// SHA-256. It is "" for a key that Public does not decode.
func (k Key) Thumbprint() string {
	if _, err := k.Public(); err != nil {
		return ""
	}
	sum := sha256.Sum256([]byte(thumbprinted[k.Kty](k)))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
