package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Matches says whether the whole of s is what pattern describes, in the way of
// Tailscale's trust credentials: * stands for any characters, none and "/" and
// ":" too; all else is literal.
// Source: https://tailscale.com/docs/features/workload-identity-federation.
func Matches(pattern, s string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return s == pattern
	}
	s, ok := strings.CutPrefix(s, first)
	if !ok {
		return false
	}
	// Taking the earliest place of each part leaves the most for the next ones.
	for {
		part, after, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		_, s, ok = strings.Cut(s, part)
		if !ok {
			return false
		}
		rest = after
	}
}

// Claim returns the claim at a path: a dot reaches into an object, and quotes
// keep a dot in a name: user.name, "open.id".name. It is nil if it is not there.
func Claim(claims map[string]any, path string) any {
	var v any = claims
	for path != "" {
		var name string
		name, path = cutName(path)
		object, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = object[name]
	}
	return v
}

// cutName cuts the first name off a path.
func cutName(path string) (name, rest string) {
	if quoted, ok := strings.CutPrefix(path, `"`); ok {
		name, rest, _ = strings.Cut(quoted, `"`)
		return name, strings.TrimPrefix(rest, ".")
	}
	name, rest, _ = strings.Cut(path, ".")
	return name, rest
}

var (
	errNoName = errors.New("a name in it is empty")
	errQuotes = errors.New("quotes go round a whole name: \"open.id\".name")
)

// CheckPath reports what is wrong with a path for Claim.
func CheckPath(path string) error {
	for more := true; more; {
		var name string
		if quoted, ok := strings.CutPrefix(path, `"`); ok {
			name, path, ok = strings.Cut(quoted, `"`)
			if !ok || path != "" && path[0] != '.' {
				return errQuotes
			}
			path, more = strings.CutPrefix(path, ".")
		} else if name, path, more = strings.Cut(path, "."); strings.Contains(name, `"`) {
			return errQuotes
		}
		if name == "" {
			return errNoName
		}
	}
	return nil
}

// ClaimText gives a claim of one value as text. What Tailscale does with lists
// and objects is not documented: they match nothing.
func ClaimText(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case float64: // of a decoder that was not asked for json.Number
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool, json.Number:
		return fmt.Sprint(v), true
	}
	return "", false
}
