package spec

import (
	"errors"
	"strings"
)

// A pattern describes a repository, a ref or an environment, whole: * stands
// for any characters but "/" and ":", ** for those too, and all else is
// literal. That is narrower than a trust credential's *: see Matches.

var (
	errEmpty = errors.New("an empty pattern matches nothing")
	errStars = errors.New("three stars mean nothing: * is any text without / and :, ** is any text")
	errClass = errors.New("besides * and ** every character stands for itself, and this one is in no name")
)

// checkPattern refuses what cannot be meant. foreign are characters that the
// names in question never have.
func checkPattern(pattern, foreign string) error {
	switch {
	case pattern == "":
		return errEmpty
	case strings.Contains(pattern, "***"):
		return errStars
	case strings.ContainsAny(pattern, foreign):
		return errClass
	}
	return nil
}

// CheckPattern reports what is wrong with a pattern for Covers.
func CheckPattern(pattern string) error { return checkPattern(pattern, "") }

// Covers says whether pattern describes the whole of s: * stands for any
// characters but "/" and ":", ** for those too, and all else is literal. It
// takes no longer than the product of both lengths.
func Covers(pattern, s string) bool {
	// reached[i]: the pattern up to here describes s[:i].
	reached := make([]bool, len(s)+1)
	reached[0] = true
	for pattern != "" {
		switch {
		case strings.HasPrefix(pattern, "**"):
			pattern = pattern[2:]
			spread(reached, s, "")
		case pattern[0] == '*':
			pattern = pattern[1:]
			spread(reached, s, "/:")
		default:
			advance(reached, s, pattern[0])
			pattern = pattern[1:]
		}
	}
	return reached[len(s)]
}

// spread lets what is reached grow by any characters but some.
func spread(reached []bool, s, but string) {
	for i := range len(s) {
		if reached[i] && strings.IndexByte(but, s[i]) < 0 {
			reached[i+1] = true
		}
	}
}

// advance takes one character.
func advance(reached []bool, s string, c byte) {
	for i := len(s); i > 0; i-- {
		reached[i] = reached[i-1] && s[i-1] == c
	}
	reached[0] = false
}
