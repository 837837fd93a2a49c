package tsapi

import (
	"slices"
	"strings"
)

// companions are the scopes without which Tailscale does not grant a scope: a
// token with policy_file alone is refused.
// Source: https://tailscale.com/docs/reference/trust-credentials#scopes and
// https://github.com/tailscale/gitops-acl-action/pull/50.
var companions = map[string][]string{
	"policy_file":      {"devices:core:read", "devices:posture_attributes"},
	"policy_file:read": {"devices:core:read", "devices:posture_attributes:read"},
}

// Lacking returns the scopes that are missing from have for a token to be good
// for want: want itself, and its companions. A scope includes its :read form
// and what lies below it; all includes everything, and acl is the old name of
// policy_file, from before it had companions.
func Lacking(have []string, want string) (missing []string) {
	if grants(have, want) {
		return nil
	}
	for _, scope := range append([]string{want}, companions[want]...) {
		if !covers(have, scope) {
			missing = append(missing, scope)
		}
	}
	return missing
}

// WithCompanions returns scopes with the companions that they lack, sorted.
func WithCompanions(scopes []string) []string {
	all := slices.Clone(scopes)
	for _, scope := range scopes {
		for _, companion := range companions[scope] {
			if !covers(all, companion) {
				all = append(all, companion)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// grants reports whether one of the scopes includes want and has its companions.
func grants(have []string, want string) bool {
	return slices.ContainsFunc(have, func(scope string) bool {
		lacks := func(companion string) bool { return !covers(have, companion) }
		return includes(scope, want) && !slices.ContainsFunc(companions[scope], lacks)
	})
}

func covers(have []string, want string) bool {
	return slices.ContainsFunc(have, func(scope string) bool { return includes(scope, want) })
}

// includes reports whether a scope includes another one.
func includes(scope, want string) bool {
	area, reads := strings.CutSuffix(scope, ":read")
	wanted, reading := strings.CutSuffix(want, ":read")
	if reads && !reading {
		return false
	}
	return area == "all" || area == wanted || strings.HasPrefix(wanted, area+":") || area == "acl" && wanted == "policy_file"
}
