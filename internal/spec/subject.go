package spec

import "github.com/tailjoin/tailjoin/internal/lazy"

// immutable is GitHub's subject for repositories made, renamed or moved since
// 15 July 2026: names with their numbers. In a pattern a * may stand for them.
// Source: https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens
const immutable lazy.Pattern = `^repo:([^/@:]+)@[\d*]+/([^/@:]+)@[\d*]+:(.*)$`

// NameOnly is the subject that the same job had in the old form, "" if it has
// that form.
func NameOnly(subject string) string {
	if !immutable.Matches(subject) {
		return ""
	}
	return immutable.Regexp().ReplaceAllString(subject, "repo:$1/$2:$3")
}
