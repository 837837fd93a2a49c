package diagnosis

import "github.com/tailjoin/tailjoin/internal/lazy"

// toldOf are words of an answer that tells more than Tailscale's does today, by
// the field that they speak of.
var toldOf = map[string]lazy.Pattern{
	"client ID":         `(?i)\b(unknown|invalid|no such) client|client (id )?(is )?(unknown|invalid|not found)`,
	"issuer":            `(?i)\bissuer\b`,
	"subject":           `(?i)\bsubject\b`,
	"audience":          `(?i)\baudience\b`,
	"custom claim rule": `(?i)\bclaims?\b`,
	"time":              `(?i)\b(expired|not valid yet|before|clock|iat|nbf|exp)\b`,
	"signature":         `(?i)\b(signature|jwks|kid)\b`,
}

// told is the cause with the weight it has if the answer itself speaks of it.
func (e *Evidence) told(c Cause) Cause {
	if words := toldOf[c.Field]; words != "" && c.weight < evident && words.Matches(e.Message) {
		c.weight = evident + 5
	}
	return c
}
