package idtoken

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/tailjoin/tailjoin/internal/secret"
)

// A Token is an ID token and what it says of the job.
type Token struct {
	secret.Text
	Claims Claims
}

// Claims are decoded for diagnosis, and to refuse early what would be refused:
// nothing here was verified, and nobody may be let in by it. Tailscale verifies.
type Claims struct {
	Issuer   string
	Subject  string
	Audience []string
	Expires  time.Time
	All      map[string]any
}

// Text is a claim as text, "" if it is not there.
func (c Claims) Text(name string) string {
	value, ok := c.All[name]
	if !ok {
		return ""
	}
	return fmt.Sprint(value)
}

// IsFor reports that audience is among the token's audiences.
func (c Claims) IsFor(audience string) bool { return slices.Contains(c.Audience, audience) }

// An odd answer is one in which there is no token. It says what was seen
// instead, and nothing of what it holds.
type odd string

func (o odd) Error() string { return string(o) }

func parse(raw string) (Token, error) {
	raw = strings.TrimSpace(raw)
	all := jwt.MapClaims{}
	if _, _, err := jwt.NewParser(jwt.WithJSONNumber()).ParseUnverified(raw, all); err != nil {
		return Token{}, looks(raw) // the cause may quote the token
	}
	return Token{secret.New(raw), read(all)}, nil
}

// looks describes what is no token.
func looks(text string) odd {
	for _, kind := range []struct{ prefix, name string }{
		{"<", "it is a page of HTML or XML"}, {"{", "it is JSON"}, {"ey", "it is a token of another kind than a signed JWT"},
	} {
		if strings.HasPrefix(text, kind.prefix) {
			return odd(kind.name)
		}
	}
	switch {
	case text == "":
		return "it is empty"
	case strings.Count(text, ".") == 2:
		return "it has three parts, but they are not those of a JWT"
	default:
		return "it does not have the three parts of a JWT"
	}
}

func read(all jwt.MapClaims) Claims {
	c := Claims{All: all}
	c.Issuer, _ = all.GetIssuer()
	c.Subject, _ = all.GetSubject()
	c.Audience, _ = all.GetAudience()
	if expires, err := all.GetExpirationTime(); err == nil && expires != nil {
		c.Expires = expires.Time
	}
	return c
}
