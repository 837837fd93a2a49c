// Package lazy is what is made only when it is used: most runs of the program
// need none of it, and all would wait for it.
package lazy

import "regexp"

// A Pattern is a regular expression that is compiled when it is used.
type Pattern string

// Regexp panics if p is none.
func (p Pattern) Regexp() *regexp.Regexp { return regexp.MustCompile(string(p)) }

// Matches reports that p is found in text.
func (p Pattern) Matches(text string) bool { return p.Regexp().MatchString(text) }
