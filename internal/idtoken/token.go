package idtoken

import (
	"errors"
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

// Claims are decoded for diagnosis only: nothing here was verified, and
// nothing may be decided by it. Tailscale verifies.
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

var errNotJWT = errors.New("the answer is no ID token (three parts separated by dots are wanted)")

func parse(raw string) (Token, error) {
	raw = strings.TrimSpace(raw)
	if strings.Count(raw, ".") != 2 {
		return Token{}, errNotJWT
	}
	all := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(raw, all); err != nil {
		// The cause may quote the token, so it is not kept.
		return Token{}, errNotJWT
	}
	return Token{secret.New(raw), read(all)}, nil
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
