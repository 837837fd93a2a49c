package cli

import (
	"runtime"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/ci"
)

// sameVariable reports whether two names are of one variable: Windows does not
// tell upper case from lower case.
func sameVariable(a, b string) bool {
	if runtime.GOOS == "windows" {
		return strings.EqualFold(a, b)
	}
	return a == b
}

// lookup reads variables of an environment. A later entry of a variable wins.
func lookup(environ []string) ci.Env {
	return func(name string) string {
		for _, entry := range slices.Backward(environ) {
			if found, value, _ := strings.Cut(entry, "="); sameVariable(found, name) {
				return value
			}
		}
		return ""
	}
}

// without is an environment that lacks some variables.
func without(environ []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.ContainsFunc(names, func(one string) bool { return sameVariable(one, name) })
	})
}
