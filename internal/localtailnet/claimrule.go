package localtailnet

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
)

// The rules of a trust credential are read here in another way than package
// spec does for `tailjoin trust check`: two that were written apart do not make
// the same mistake, and a test holds one against the other.

// wildcard is a pattern of Tailscale's as a regular expression: * stands for
// any text, all else for itself, and the whole must match.
// Source: https://tailscale.com/docs/features/workload-identity-federation.
func wildcard(pattern string) *regexp.Regexp {
	var literal []string
	for part := range strings.SplitSeq(pattern, "*") {
		literal = append(literal, regexp.QuoteMeta(part))
	}
	return regexp.MustCompile(`\A(?s:` + strings.Join(literal, ".*") + `)\z`)
}

// A claim is named by a path of names with dots between them; a name in quotes
// may have dots of its own.
var (
	claimName = regexp.MustCompile(`"[^"]+"|[^".]+`)
	claimPath = regexp.MustCompile(`\A(?:` + claimName.String() + `)(?:\.(?:` + claimName.String() + `))*\z`)
)

// names are those of a path that claimPath matches.
func names(path string) []string {
	found := claimName.FindAllString(path, -1)
	for i, name := range found {
		found[i] = strings.Trim(name, `"`)
	}
	return found
}

// claimText is what a rule for a path is held against. ok is false if there is
// nothing there, or a list or an object: what Tailscale does with those is not
// documented.
func claimText(claims map[string]any, path string) (text string, ok bool) {
	if !claimPath.MatchString(path) {
		return "", false
	}
	var at any = claims
	for _, name := range names(path) {
		inside, isObject := at.(map[string]any)
		if !isObject {
			return "", false
		}
		at = inside[name]
	}
	switch value := at.(type) {
	case string:
		return value, true
	case bool:
		return strconv.FormatBool(value), true
	case json.Number: // as the issuer wrote it
		return value.String(), true
	default:
		return "", false
	}
}
