package trust

import "regexp"

// A pattern is a regular expression that is compiled when it is used: most runs
// of the program use none, and all would wait for them.
type pattern string

func (p pattern) compile() *regexp.Regexp  { return regexp.MustCompile(string(p)) }
func (p pattern) matches(text string) bool { return p.compile().MatchString(text) }
func (p pattern) replace(text, by string) string {
	return p.compile().ReplaceAllLiteralString(text, by)
}
