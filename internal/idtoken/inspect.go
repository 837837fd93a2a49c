package idtoken

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"
)

// Parse reads a token that came from elsewhere, a file or a pipe. Nothing of
// it is verified.
func Parse(raw string) (Token, error) { return parse(raw) }

// A Header says how a token was signed: RFC 7515, section 4.1.
type Header struct {
	Algorithm string `json:"alg"`
	KeyID     string `json:"kid"`
}

// Header is what the token says of its signature; zero if it cannot be read.
func (t Token) Header() (h Header) {
	encoded, _, _ := strings.Cut(t.Reveal(), ".")
	if raw, err := base64.RawURLEncoding.DecodeString(encoded); err == nil {
		json.Unmarshal(raw, &h) // what is no object has no fields
	}
	return h
}

// Time is a claim that is a time, such as iat or exp: RFC 7519, section 2.
// It is zero if the claim is not there, or no number.
func (c Claims) Time(name string) time.Time {
	var seconds float64
	switch v := c.All[name].(type) {
	case float64:
		seconds = v
	case json.Number:
		seconds, _ = v.Float64()
	}
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(int64(seconds), 0).UTC()
}
