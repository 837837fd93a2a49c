package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tailjoin/tailjoin/internal/lazy"
)

// A Naming is what the variables of a hostname stand for.
type Naming struct{ Repository, Run, Job string }

// variables of a hostname.
var variables = []string{"{repository}", "{run}", "{job}"}

const braced lazy.Pattern = `\{[^{}]*\}`

var errBrace = errors.New("a brace is left open")

// checkHostname refuses a pattern that would not make a DNS label.
func checkHostname(pattern string) error {
	for _, found := range braced.Regexp().FindAllString(pattern, -1) {
		if !slices.Contains(variables, found) {
			return fmt.Errorf("%s is no variable: there are %s", found, strings.Join(variables, " "))
		}
	}
	plain := braced.Regexp().ReplaceAllString(pattern, "x")
	if strings.ContainsAny(plain, "{}") {
		return errBrace
	}
	return Hostname(plain)
}

const longestPart = 24 // of a label of 63, so that a long name leaves room for the run

// Expand makes a DNS label of a hostname pattern. It is "" if there is nothing
// to make it of.
func (n Naming) Expand(pattern string) string {
	repository := n.Repository[strings.LastIndexByte(n.Repository, '/')+1:]
	filled := strings.NewReplacer(
		"{repository}", part(repository), "{run}", part(n.Run), "{job}", part(n.Job),
	).Replace(pattern)
	filled = strings.Trim(hyphens.Regexp().ReplaceAllString(filled, "-"), "-")
	if filled == "" {
		return ""
	}
	return Label(filled)
}

const hyphens lazy.Pattern = `--+`

func part(value string) string { return value[:min(len(value), longestPart)] }
